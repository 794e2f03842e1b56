"""The defaults of built-in kinds that Kubernetes sets in code and no schema tells, as a table.

A plain value is set where there is none. A map is gone into where there is one; ``Made`` makes it
first; ``Each`` goes into every item of a list; a function computes the value from its holder.
Source: what a real API server answers to tests/conformance/api_script.py.
"""

import copy
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeferry.kube.objects import Object

Template = Mapping[str, Any]
Computed = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Each:
    """The template of every item of a list."""

    template: Template


@dataclass(frozen=True, slots=True)
class Made:
    """The template of a map that is made if it is not there."""

    template: Template


def fill(value: dict[str, Any], template: Template) -> None:
    """Sets what is missing, in place. A function may return None for no value."""
    for key, default in template.items():
        held = value.get(key)
        if isinstance(default, Each):
            for item in held if isinstance(held, list) else ():
                fill(item, default.template)
        elif isinstance(default, Made):
            fill(value.setdefault(key, {}), default.template)
        elif isinstance(default, Mapping):
            if isinstance(held, dict):
                fill(held, default)
        elif held is None:
            made = default(value) if callable(default) else copy.copy(default)
            if made is not None:
                value[key] = made


def set_defaults(obj: Object, table: str) -> None:
    """Fills in the defaults of a built-in kind, in place."""
    if table == "namespaces":
        own = obj["metadata"].setdefault("labels", {})
        own["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    elif table == "secrets":
        texts = obj.pop("stringData", None) or {}
        if texts:
            coded = {name: b64encode(text.encode()).decode() for name, text in texts.items()}
            obj["data"] = {**(obj.get("data") or {}), **coded}
    template = _KINDS.get(table)
    if template is not None:
        fill(obj, template)


def _pull_policy(container: dict[str, Any]) -> str:
    image = str(container.get("image", ""))
    if "@" in image:
        return "IfNotPresent"
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _same_as(field: str) -> Computed:
    return lambda holder: holder.get(field)


def _empty(_: dict[str, Any]) -> dict[str, Any]:
    return {}


_HTTP = {"scheme": "HTTP", "path": "/"}
_PROBE: Template = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
    "httpGet": _HTTP,
    "grpc": {"service": ""},
}


_CONTAINER: Template = {
    "imagePullPolicy": _pull_policy,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "ports": Each({"protocol": "TCP"}),
    "env": Each({"valueFrom": {"fieldRef": {"apiVersion": "v1"}}}),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "resources": {
        "requests": lambda holder: dict(holder["limits"]) if "limits" in holder else None
    },
    "lifecycle": {"preStop": {"httpGet": _HTTP}, "postStart": {"httpGet": _HTTP}},
}
_VOLUME: Template = {
    "secret": {"defaultMode": 420},
    "configMap": {"defaultMode": 420},
    "downwardAPI": {
        "defaultMode": 420,
        "items": Each({"fieldRef": {"apiVersion": "v1"}}),
    },
    "projected": {
        "defaultMode": 420,
        "sources": Each(
            {
                "serviceAccountToken": {"expirationSeconds": 3600},
                "downwardAPI": {"items": Each({"fieldRef": {"apiVersion": "v1"}})},
            }
        ),
    },
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "readOnly": False,
        "kind": "Shared",
    },
}
_CLAIM_SPEC: Template = {"volumeMode": "Filesystem"}
_POD_SPEC: Template = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": _empty,
    "containers": Each(_CONTAINER),
    "initContainers": Each(_CONTAINER),
    "serviceAccount": _same_as("serviceAccountName"),
    "serviceAccountName": _same_as("serviceAccount"),
    "volumes": Each({**_VOLUME, "ephemeral": {"volumeClaimTemplate": {"spec": _CLAIM_SPEC}}}),
}


_TEMPLATE: Template = {"template": {"spec": _POD_SPEC}}
_JOB_SPEC: Template = {
    "completions": lambda spec: 1 if spec.get("parallelism") is None else None,
    "parallelism": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": lambda spec: (
        "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    ),
    **_TEMPLATE,
}
_WEBHOOK: Template = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": _empty,
    "objectSelector": _empty,
    "timeoutSeconds": 10,
    "clientConfig": {"service": {"port": 443}},
    "rules": Each({"scope": "*"}),
}
_MATCHED: Template = {
    "matchPolicy": "Equivalent",
    "namespaceSelector": _empty,
    "objectSelector": _empty,
    "resourceRules": Each({"scope": "*"}),
}


def _rolling(holder: dict[str, Any], surge: Any, unavailable: Any) -> dict[str, Any] | None:
    if holder.get("type") != "RollingUpdate":
        return None
    return {"maxSurge": surge, "maxUnavailable": unavailable}


def _session_affinity(spec: dict[str, Any]) -> dict[str, Any] | None:
    if spec.get("sessionAffinity") != "ClientIP":
        return None
    return {"clientIP": {"timeoutSeconds": 10800}}


def _subject_group(subject: dict[str, Any]) -> str | None:
    return "rbac.authorization.k8s.io" if subject.get("kind") in ("User", "Group") else None


_GENERATION = "deprecated.daemonset.template.generation"
_SUBJECTS = Each({"apiGroup": _subject_group})
_ROLE_REF: Template = {"apiGroup": "rbac.authorization.k8s.io"}
_HPA_BEHAVIOR: Template = {
    "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max"},
    "scaleDown": {"selectPolicy": "Max"},
}
_KINDS: Mapping[str, Template] = {
    "pods": {"spec": {**_POD_SPEC, "enableServiceLinks": True}},
    "podtemplates": _TEMPLATE,
    "replicationcontrollers": {"spec": {"replicas": 1, **_TEMPLATE}},
    "deployments.apps": {
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "strategy": Made(
                {
                    "type": "RollingUpdate",
                    "rollingUpdate": lambda holder: _rolling(holder, "25%", "25%"),
                }
            ),
            **_TEMPLATE,
        }
    },
    "replicasets.apps": {"spec": {"replicas": 1, **_TEMPLATE}},
    "statefulsets.apps": {
        "spec": {
            "podManagementPolicy": "OrderedReady",
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": Made(
                {"whenDeleted": "Retain", "whenScaled": "Retain"}
            ),
            "updateStrategy": Made(
                {
                    "type": "RollingUpdate",
                    "rollingUpdate": lambda holder: (
                        {"partition": 0} if holder.get("type") == "RollingUpdate" else None
                    ),
                }
            ),
            "volumeClaimTemplates": Each(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "spec": _CLAIM_SPEC,
                    "status": Made({"phase": "Pending"}),
                }
            ),
            **_TEMPLATE,
        }
    },
    "daemonsets.apps": {
        "metadata": Made({"annotations": Made({_GENERATION: "1"})}),
        "spec": {
            "revisionHistoryLimit": 10,
            "updateStrategy": Made(
                {
                    "type": "RollingUpdate",
                    "rollingUpdate": lambda holder: _rolling(holder, 0, 1),
                }
            ),
            **_TEMPLATE,
        },
    },
    "jobs.batch": {"spec": _JOB_SPEC},
    "cronjobs.batch": {
        "spec": {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": _TEMPLATE},
        }
    },
    "services": {
        "spec": {
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "sessionAffinityConfig": _session_affinity,
            "ports": Each({"protocol": "TCP", "targetPort": _same_as("port")}),
            "internalTrafficPolicy": lambda spec: (
                None if spec.get("type") == "ExternalName" else "Cluster"
            ),
            "externalTrafficPolicy": lambda spec: (
                "Cluster" if spec.get("type") in ("NodePort", "LoadBalancer") else None
            ),
            "allocateLoadBalancerNodePorts": lambda spec: (
                True if spec.get("type") == "LoadBalancer" else None
            ),
        }
    },
    "endpoints": {"subsets": Each({"ports": Each({"protocol": "TCP"})})},
    "endpointslices.discovery.k8s.io": {"ports": Each({"protocol": "TCP", "name": ""})},
    "secrets": {"type": "Opaque"},
    "persistentvolumeclaims": {"spec": _CLAIM_SPEC},
    "persistentvolumes": {
        "spec": {
            "persistentVolumeReclaimPolicy": "Retain",
            "volumeMode": "Filesystem",
            **_VOLUME,
        }
    },
    "storageclasses.storage.k8s.io": {
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    },
    "csidrivers.storage.k8s.io": {
        "spec": {
            "attachRequired": True,
            "podInfoOnMount": False,
            "storageCapacity": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "volumeLifecycleModes": lambda _: ["Persistent"],
            "requiresRepublish": False,
            "seLinuxMount": False,
        }
    },
    "networkpolicies.networking.k8s.io": {
        "spec": {
            "podSelector": _empty,
            "policyTypes": lambda spec: (
                ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
            ),
            "ingress": Each({"ports": Each({"protocol": "TCP"})}),
            "egress": Each({"ports": Each({"protocol": "TCP"})}),
        }
    },
    "horizontalpodautoscalers.autoscaling": {
        "spec": {
            "minReplicas": 1,
            "metrics": lambda _: [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 80},
                    },
                }
            ],
            "behavior": _HPA_BEHAVIOR,
        }
    },
    "rolebindings.rbac.authorization.k8s.io": {"subjects": _SUBJECTS, "roleRef": _ROLE_REF},
    "clusterrolebindings.rbac.authorization.k8s.io": {"subjects": _SUBJECTS, "roleRef": _ROLE_REF},
    "validatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": Each(_WEBHOOK)},
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": {
        "webhooks": Each({**_WEBHOOK, "reinvocationPolicy": "Never"})
    },
    "validatingadmissionpolicies.admissionregistration.k8s.io": {
        "spec": {"failurePolicy": "Fail", "matchConstraints": _MATCHED}
    },
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
        "spec": {"matchResources": _MATCHED}
    },
    "priorityclasses.scheduling.k8s.io": {"preemptionPolicy": "PreemptLowerPriority"},
    "customresourcedefinitions.apiextensions.k8s.io": {
        "spec": {
            "conversion": Made({"strategy": "None"}),
            "names": {
                "singular": lambda names: str(names.get("kind", "")).lower(),
                "listKind": lambda names: f"{names.get('kind', '')}List",
            },
        }
    },
}
