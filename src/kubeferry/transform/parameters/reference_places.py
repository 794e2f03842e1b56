"""Where objects name a namespace, kind by kind: the data behind ``references`` (velero.md §3.8).

Four forms of a name are known, each with the places that have it:

``names``
    a text that is the name of a namespace, or a list of such texts.
``selectors``
    a label selector over namespaces; it names one by the label ``kubernetes.io/metadata.name``.
``pairs``
    a text ``namespace/name``.
``accounts``
    a text such as ``system:serviceaccount:namespace:name``, the name of a user or a group.

Only what is a namespace's name for certain is listed. A path is written as ``paths`` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kubeferry.kube.objects import POD_SPEC_PATHS
from kubeferry.transform.parameters.paths import path_of
from kubeferry.transform.patch.pointer import Tokens


@dataclass(frozen=True, slots=True)
class Places:
    """Where the objects of some kinds name namespaces, by the form of the name."""

    kinds: frozenset[str]
    names: tuple[Tokens, ...] = ()
    selectors: tuple[Tokens, ...] = ()
    pairs: tuple[Tokens, ...] = ()
    accounts: tuple[Tokens, ...] = ()


def _places(
    kinds: str, names: str = "", selectors: str = "", pairs: str = "", accounts: str = ""
) -> Places:
    forms = (tuple(map(path_of, paths.split())) for paths in (names, selectors, pairs, accounts))
    return Places(frozenset(kinds.split()), *forms)


_RBAC = "rbac.authorization.k8s.io"
_WEBHOOKS = (
    "mutatingwebhookconfigurations.admissionregistration.k8s.io "
    "validatingwebhookconfigurations.admissionregistration.k8s.io"
)
_POLICIES = (
    "validatingadmissionpolicies.admissionregistration.k8s.io "
    "mutatingadmissionpolicies.admissionregistration.k8s.io"
)
_POLICY_BINDINGS = (
    "validatingadmissionpolicybindings.admissionregistration.k8s.io "
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io"
)
_CERTIFICATES = """
metadata/annotations/cert-manager.io~1inject-ca-from
metadata/annotations/cert-manager.io~1inject-ca-from-secret
"""
"""From where cert-manager fills in the certificate of a service that is called."""

_GATEWAY = "gateway.networking.k8s.io"
_ROUTES = " ".join(
    f"{kind}.{_GATEWAY}"
    for kind in ("httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes")
)
_MONITORING = "monitoring.coreos.com"
_SNAPSHOTS = "snapshot.storage.k8s.io"

_CLAIM = "dataSourceRef/namespace"
_TERM = ("podAffinity", "podAntiAffinity")
_TERMS = tuple(
    path
    for kind in _TERM
    for path in (
        f"affinity/{kind}/requiredDuringSchedulingIgnoredDuringExecution/*",
        f"affinity/{kind}/preferredDuringSchedulingIgnoredDuringExecution/*/podAffinityTerm",
    )
)


def _in_pod_specs(*, names: tuple[str, ...], selectors: tuple[str, ...] = ()) -> tuple[Places, ...]:
    """Places of a pod spec, in every kind that has one."""
    return tuple(
        Places(
            frozenset({kind}),
            names=tuple((*spec, *path_of(path)) for path in names),
            selectors=tuple((*spec, *path_of(path)) for path in selectors),
        )
        for kind, spec in POD_SPEC_PATHS.items()
    )


REFERENCES: Mapping[str, tuple[Places, ...]] = {
    "subjects": (
        _places(
            f"rolebindings.{_RBAC} clusterrolebindings.{_RBAC}",
            names="subjects/*/namespace",
            accounts="subjects/*/name",
        ),
        _places(
            "flowschemas.flowcontrol.apiserver.k8s.io",
            names="spec/rules/*/subjects/*/serviceAccount/namespace",
            accounts="spec/rules/*/subjects/*/user/name spec/rules/*/subjects/*/group/name",
        ),
    ),
    "volumeClaims": (
        _places("persistentvolumes", names="spec/claimRef/namespace"),
        _places(f"volumesnapshotcontents.{_SNAPSHOTS}", names="spec/volumeSnapshotRef/namespace"),
    ),
    "volumeSecrets": (
        _places(
            "persistentvolumes",
            names="""
            spec/csi/controllerExpandSecretRef/namespace
            spec/csi/controllerPublishSecretRef/namespace
            spec/csi/nodeExpandSecretRef/namespace
            spec/csi/nodePublishSecretRef/namespace
            spec/csi/nodeStageSecretRef/namespace
            spec/azureFile/secretNamespace
            spec/cephfs/secretRef/namespace
            spec/flexVolume/secretRef/namespace
            spec/iscsi/secretRef/namespace
            spec/rbd/secretRef/namespace
            spec/scaleIO/secretRef/namespace
            spec/storageos/secretRef/namespace
            metadata/annotations/volume.kubernetes.io~1provisioner-deletion-secret-namespace
            """,
        ),
        _places(
            "storageclasses.storage.k8s.io",
            names="""
            parameters/csi.storage.k8s.io~1controller-expand-secret-namespace
            parameters/csi.storage.k8s.io~1controller-publish-secret-namespace
            parameters/csi.storage.k8s.io~1node-expand-secret-namespace
            parameters/csi.storage.k8s.io~1node-publish-secret-namespace
            parameters/csi.storage.k8s.io~1node-stage-secret-namespace
            parameters/csi.storage.k8s.io~1provisioner-secret-namespace
            """,
        ),
        _places(
            f"volumesnapshotclasses.{_SNAPSHOTS}",
            names="""
            parameters/csi.storage.k8s.io~1snapshotter-secret-namespace
            parameters/csi.storage.k8s.io~1snapshotter-list-secret-namespace
            """,
        ),
        _places(
            f"volumesnapshotcontents.{_SNAPSHOTS}",
            names="metadata/annotations/snapshot.storage.kubernetes.io~1deletion-secret-namespace",
        ),
    ),
    "dataSources": (
        _places("persistentvolumeclaims", names=f"spec/{_CLAIM}"),
        _places("statefulsets.apps", names=f"spec/volumeClaimTemplates/*/spec/{_CLAIM}"),
        *_in_pod_specs(names=(f"volumes/*/ephemeral/volumeClaimTemplate/spec/{_CLAIM}",)),
    ),
    "webhooks": (
        _places(
            _WEBHOOKS,
            names="webhooks/*/clientConfig/service/namespace",
            selectors="webhooks/*/namespaceSelector",
            pairs=_CERTIFICATES,
        ),
    ),
    "apiServices": (
        _places(
            "apiservices.apiregistration.k8s.io",
            names="spec/service/namespace",
            pairs=_CERTIFICATES,
        ),
    ),
    "conversionWebhooks": (
        _places(
            "customresourcedefinitions.apiextensions.k8s.io",
            names="""
            spec/conversion/webhook/clientConfig/service/namespace
            spec/conversion/webhookClientConfig/service/namespace
            """,
            pairs=_CERTIFICATES,
        ),
    ),
    "admissionPolicies": (
        _places(_POLICIES, selectors="spec/matchConstraints/namespaceSelector"),
        _places(
            _POLICY_BINDINGS,
            names="spec/paramRef/namespace",
            selectors="spec/matchResources/namespaceSelector",
        ),
    ),
    "networkPolicies": (
        _places(
            "networkpolicies.networking.k8s.io networkpolicies.extensions",
            selectors="""
            spec/ingress/*/from/*/namespaceSelector
            spec/egress/*/to/*/namespaceSelector
            """,
        ),
    ),
    "affinity": _in_pod_specs(
        names=tuple(f"{term}/namespaces" for term in _TERMS),
        selectors=tuple(f"{term}/namespaceSelector" for term in _TERMS),
    ),
    "endpoints": (
        _places(
            "endpoints",
            names="""
            subsets/*/addresses/*/targetRef/namespace
            subsets/*/notReadyAddresses/*/targetRef/namespace
            """,
        ),
        _places("endpointslices.discovery.k8s.io", names="endpoints/*/targetRef/namespace"),
    ),
    "ingressClasses": (
        _places("ingressclasses.networking.k8s.io", names="spec/parameters/namespace"),
    ),
    "gateways": (
        _places(f"gatewayclasses.{_GATEWAY}", names="spec/parametersRef/namespace"),
        _places(
            f"gateways.{_GATEWAY}",
            names="""
            spec/listeners/*/tls/certificateRefs/*/namespace
            spec/listeners/*/tls/frontendValidation/caCertificateRefs/*/namespace
            """,
            selectors="spec/listeners/*/allowedRoutes/namespaces/selector",
        ),
        _places(
            _ROUTES,
            names="""
            spec/parentRefs/*/namespace
            spec/rules/*/backendRefs/*/namespace
            spec/rules/*/backendRefs/*/filters/*/requestMirror/backendRef/namespace
            spec/rules/*/filters/*/requestMirror/backendRef/namespace
            """,
        ),
    ),
    "referenceGrants": (_places(f"referencegrants.{_GATEWAY}", names="spec/from/*/namespace"),),
    "serviceMonitors": (
        _places(
            f"servicemonitors.{_MONITORING} podmonitors.{_MONITORING}",
            names="spec/namespaceSelector/matchNames",
        ),
        _places(f"probes.{_MONITORING}", names="spec/targets/ingress/namespaceSelector/matchNames"),
        _places(
            f"prometheuses.{_MONITORING} prometheusagents.{_MONITORING}",
            names="spec/alerting/alertmanagers/*/namespace",
            selectors="""
            spec/podMonitorNamespaceSelector
            spec/probeNamespaceSelector
            spec/ruleNamespaceSelector
            spec/scrapeConfigNamespaceSelector
            spec/serviceMonitorNamespaceSelector
            """,
        ),
    ),
}
"""The kinds of reference, as ``spec.references`` names them, with their places."""
