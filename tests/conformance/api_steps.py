"""The steps: what a person, kubectl and kubeferry do to a Kubernetes API, and what goes wrong.

Everything happens in two namespaces and one API group of its own, which the last steps remove.
"""

from collections.abc import Iterator
from typing import Any

from tests.conformance.api_script import Step

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
NS = "conformance"
CORE = f"/api/v1/namespaces/{NS}"
APPS = f"/apis/apps/v1/namespaces/{NS}"
MAPS = f"{CORE}/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = f"/apis/conformance.example.com/v1/namespaces/{NS}/widgets"


def config_map(name: str, data: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **meta},
        "data": data if data is not None else {"key": "value"},
    }


POD_SPEC = {
    "containers": [
        {
            "name": "web",
            "image": "registry.example.com/nginx:1.25",
            "ports": [{"containerPort": 80}],
            "env": [{"name": "A", "value": "1"}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
    ],
    "volumes": [{"name": "data", "emptyDir": {}}],
}


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": POD_SPEC},
            **spec,
        },
    }


def namespaces() -> Iterator[Step]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}}
    yield Step("a namespace is created", "POST", "/api/v1/namespaces", body)
    yield Step("a namespace exists once", "POST", "/api/v1/namespaces", body)
    yield Step(
        "a namespace gets its service account",
        "GET",
        f"{CORE}/serviceaccounts/default",
        until=("metadata.name", "default"),
    )
    yield Step(
        "a namespace's name is a label",
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a.b"}},
    )
    missing = "/api/v1/namespaces/no-such/configmaps"
    yield Step("nothing is created in a missing namespace", "POST", missing, config_map("a"))
    yield Step("a missing namespace lists as empty", "GET", missing, save={})


def creating() -> Iterator[Step]:
    yield Step(
        "what the server writes is not taken from the body",
        "POST",
        MAPS,
        config_map("made", labels={"a": "b"}, uid="mine", creationTimestamp="2020-01-01T00:00:00Z"),
        save={"made": "metadata.resourceVersion", "made-uid": "metadata.uid"},
    )
    yield Step("a name exists once", "POST", MAPS, config_map("made"))
    yield Step("an object is read", "GET", f"{MAPS}/made")
    yield Step("a missing object", "GET", f"{MAPS}/none")
    yield Step("a missing kind", "GET", f"{CORE}/nothings")
    yield Step("a revision cannot be created", "POST", MAPS, config_map("b", resourceVersion="5"))
    yield Step("another namespace in the body", "POST", MAPS, config_map("b", namespace="other"))
    yield Step("a bad name and a bad key", "POST", MAPS, config_map("B!", {"k k": "v"}))
    yield Step("a bad label", "POST", MAPS, config_map("b", labels={"a": "not valid"}))
    yield Step("no name", "POST", MAPS, {"metadata": {}})
    generated = {"metadata": {"generateName": "generated-"}, "data": {"a": "b"}}
    yield Step("a generated name", "POST", MAPS, generated)
    yield Step("a wrong type", "POST", MAPS, {"metadata": {"name": "b"}, "data": {"a": 5}})
    yield Step(
        "another kind",
        "POST",
        MAPS,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}},
    )
    stray = {"metadata": {"name": "stray", "foo": 1}, "dta": {"a": "b"}}
    yield Step("unknown fields, strict", "POST", f"{MAPS}?fieldValidation=Strict", stray)
    yield Step("unknown fields, warned of", "POST", f"{MAPS}?dryRun=All", stray)
    quiet = f"{MAPS}?dryRun=All&fieldValidation=Ignore"
    yield Step("unknown fields, ignored", "POST", quiet, stray)
    yield Step("a dry run leaves nothing", "GET", f"{MAPS}/stray")
    yield Step("an unknown dry run", "POST", f"{MAPS}?dryRun=Some", config_map("b"))
    yield Step("a collection cannot be put", "PUT", MAPS, config_map("b"))
    everywhere = "/api/v1/configmaps"
    yield Step("nothing is created without a namespace", "POST", everywhere, config_map("b"))


def updating() -> Iterator[Step]:
    one = f"{MAPS}/made"
    yield Step("an old revision conflicts", "PUT", one, config_map("made", resourceVersion="1"))
    yield Step("another name in the body", "PUT", one, config_map("other"))
    yield Step("another uid in the body", "PUT", one, config_map("made", uid="other"))
    yield Step("a missing object is not put", "PUT", f"{MAPS}/none", config_map("none"))
    changed = config_map("made", {"key": "other", "more": "1"}, resourceVersion="${made}")
    yield Step("the right revision is replaced", "PUT", one, changed)
    yield Step("it cannot be replaced twice", "PUT", one, changed)
    last = config_map("made", {"key": "last"})
    save = {"before": "metadata.resourceVersion"}
    yield Step("without a revision the last wins", "PUT", one, last, save=save)
    yield Step("the same again is no write", "PUT", one, last)
    yield Step("nothing happened", "GET", f"{one}?resourceVersion=0")
    fixed = {**config_map("fixed"), "immutable": True}
    yield Step("an immutable map", "POST", MAPS, fixed)
    yield Step("an immutable map is kept", "PUT", f"{MAPS}/fixed", config_map("fixed", {"a": "b"}))


def patching() -> Iterator[Step]:
    one = f"{MAPS}/made"
    yield Step("merge", "PATCH", one, {"data": {"m": "1", "key": None}}, MERGE)
    yield Step("merge, with a wrong type", "PATCH", one, {"data": {"m": 1}}, MERGE)
    yield Step("json", "PATCH", one, [{"op": "add", "path": "/data/j", "value": "2"}], JSON_PATCH)
    yield Step("json, no list", "PATCH", one, {"data": {}}, JSON_PATCH)
    test = [{"op": "test", "path": "/data/j", "value": "9"}]
    yield Step("json, a test that fails", "PATCH", one, test, JSON_PATCH)
    gone = [{"op": "remove", "path": "/data/none"}]
    yield Step("json, a path that is not there", "PATCH", one, gone, JSON_PATCH)
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"s": "3"}}
    yield Step("merge, an old revision", "PATCH", one, stale, MERGE)
    yield Step("merge, another name", "PATCH", one, {"metadata": {"name": "x"}}, MERGE)
    yield Step("a missing object", "PATCH", f"{MAPS}/none", {"data": {"a": "b"}}, MERGE)
    yield Step("an unknown form", "PATCH", one, "{}", "text/plain")
    yield Step("dry run", "PATCH", f"{one}?dryRun=All", {"data": {"d": "4"}}, MERGE)
    yield Step("after the dry run", "GET", one)


def workloads() -> Iterator[Step]:
    """Changes to what no controller touches meanwhile: a template, an ingress, nothing running."""
    deployment = workload("Deployment", "app", replicas=0)
    yield Step("a deployment's defaults", "POST", f"{APPS}/deployments", deployment)
    one = f"{APPS}/deployments/app"
    selector = {"spec": {"selector": {"matchLabels": {"app": "z"}}}}
    yield Step("a selector is kept", "PATCH", one, selector, MERGE)
    yield Step("scale is read", "GET", f"{one}/scale")
    scaled = f"{one}/scale?dryRun=All"
    yield Step("scale is written", "PATCH", scaled, {"spec": {"replicas": 5}}, MERGE)
    template = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "template"},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
    }
    yield Step("a template's defaults", "POST", f"{CORE}/podtemplates", template)
    one = f"{CORE}/podtemplates/template"
    containers = [{"name": "web", "image": "new:2"}, {"name": "side", "image": "side:latest"}]
    patch: dict[str, Any] = {"template": {"spec": {"containers": containers}}}
    yield Step("strategic: containers by name", "PATCH", one, patch, STRATEGIC)
    patch = {"template": {"spec": {"containers": [{"$patch": "delete", "name": "side"}]}}}
    yield Step("strategic: delete an item", "PATCH", one, patch, STRATEGIC)
    env = [{"name": "web", "env": [{"name": "B", "value": "2"}]}]
    patch = {"template": {"spec": {"containers": env}}}
    yield Step("strategic: lists in lists", "PATCH", one, patch, STRATEGIC)
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "counted"},
        "spec": {"rules": [{"host": "a.example.com"}]},
    }
    ingresses = f"/apis/networking.k8s.io/v1/namespaces/{NS}/ingresses"
    yield Step("a generation begins", "POST", ingresses, ingress)
    one = f"{ingresses}/counted"
    patch = {"metadata": {"labels": {"more": "x"}}}
    yield Step("labels do not count as a generation", "PATCH", one, patch, STRATEGIC)
    patch = {"spec": {"rules": [{"host": "b.example.com"}]}}
    yield Step("a spec does", "PATCH", one, patch, STRATEGIC)
    addressed = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    yield Step("status is not written with the object", "PATCH", one, addressed, MERGE)
    both = {**addressed, "spec": {"rules": [{"host": "c.example.com"}]}}
    yield Step("status only through its subresource", "PATCH", f"{one}/status", both, MERGE)
    yield Step("status and spec have their own writers", "GET", one)
    sets = f"{APPS}/statefulsets"
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    stateful = workload("StatefulSet", "db", serviceName="db", volumeClaimTemplates=[claim])
    stateful["spec"]["replicas"] = 0
    yield Step("a statefulset's defaults", "POST", sets, stateful)
    yield Step(
        "a statefulset's name of service",
        "PATCH",
        f"{sets}/db",
        {"spec": {"serviceName": "x"}},
        MERGE,
    )
    daemons = f"{APPS}/daemonsets"
    yield Step("a daemonset's defaults", "POST", daemons, workload("DaemonSet", "agent"))
    empty = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}
    yield Step("a deployment of nothing", "POST", f"{APPS}/deployments", empty)


def pods() -> Iterator[Step]:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "labels": {"app": "pod"}},
        "spec": POD_SPEC,
    }
    yield Step("a pod's defaults", "POST", f"{CORE}/pods", pod)
    one = f"{CORE}/pods/pod"
    yield Step(
        "a pod's image changes",
        "PATCH",
        one,
        [{"op": "replace", "path": "/spec/containers/0/image", "value": "x:1"}],
        JSON_PATCH,
    )
    missing = {**pod, "metadata": {"name": "other"}}
    missing["spec"] = {**POD_SPEC, "serviceAccountName": "none"}
    yield Step("a pod of a missing account", "POST", f"{CORE}/pods", missing)
    bad = {**pod, "metadata": {"name": "bad"}, "spec": {"containers": [{"name": "Bad"}]}}
    yield Step("a pod without an image", "POST", f"{CORE}/pods", bad)
    running = {"status": {"phase": "Running"}}
    yield Step("a pod is marked running", "PATCH", f"{one}/status", running, MERGE)
    for phase in ("Running", "Pending"):
        path = f"{CORE}/pods?fieldSelector=status.phase%3D{phase}"
        yield Step(f"pods that are {phase}", "GET", path)
    yield Step("a field no one selects by", "GET", f"{CORE}/pods?fieldSelector=spec.x%3Dy")


def others() -> Iterator[Step]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "svc"},
        "spec": {"selector": {"app": "app"}, "ports": [{"port": 80}]},
    }
    yield Step("a service's defaults", "POST", f"{CORE}/services", service)
    headless = {**service, "metadata": {"name": "headless"}}
    headless["spec"] = {**service["spec"], "clusterIP": "None"}
    yield Step("a headless service", "POST", f"{CORE}/services", headless)
    outside = {**service, "metadata": {"name": "outside"}}
    outside["spec"] = {**service["spec"], "type": "NodePort"}
    yield Step("a service with node ports", "POST", f"{CORE}/services", outside)
    yield Step(
        "a service is changed",
        "PATCH",
        f"{CORE}/services/svc",
        {"spec": {"ports": [{"port": 81}]}},
        MERGE,
    )
    yield Step(
        "a service without ports",
        "POST",
        f"{CORE}/services",
        {"metadata": {"name": "p"}, "spec": {}},
    )
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "secret"},
        "stringData": {"a": "b"},
        "data": {"c": "ZA=="},
    }
    yield Step("a secret's texts", "POST", f"{CORE}/secrets", secret)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "claim"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    yield Step("a claim's defaults", "POST", f"{CORE}/persistentvolumeclaims", claim)
    yield Step(
        "a claim's class is kept",
        "PATCH",
        f"{CORE}/persistentvolumeclaims/claim",
        {"spec": {"storageClassName": "x"}},
        MERGE,
    )
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "cron"},
        "spec": {
            "schedule": "* * * * *",
            "suspend": True,
            "jobTemplate": {
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [{"name": "a", "image": "b:1"}],
                        }
                    }
                }
            },
        },
    }
    yield Step("a cron job's defaults", "POST", f"/apis/batch/v1/namespaces/{NS}/cronjobs", job)
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "ingress"},
        "spec": {"defaultBackend": {"service": {"name": "svc", "port": {"number": 80}}}},
    }
    networking = f"/apis/networking.k8s.io/v1/namespaces/{NS}"
    yield Step("an ingress", "POST", f"{networking}/ingresses", ingress)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "policy"},
        "spec": {"podSelector": {}},
    }
    yield Step("a network policy's defaults", "POST", f"{networking}/networkpolicies", policy)
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "budget"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "app"}}},
    }
    yield Step(
        "a disruption budget",
        "POST",
        f"/apis/policy/v1/namespaces/{NS}/poddisruptionbudgets",
        budget,
    )
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "scaler"},
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
        },
    }
    autoscaling = f"/apis/autoscaling/v2/namespaces/{NS}/horizontalpodautoscalers"
    yield Step("an autoscaler's defaults", "POST", autoscaling, scaler)
    yield Step(
        "an autoscaler in its old version", "GET", f"{autoscaling.replace('v2', 'v1')}/scaler"
    )
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "system:odd"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": NS}],
    }
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NS}/rolebindings"
    yield Step("a role binding", "POST", bindings, role)


def listing() -> Iterator[Step]:
    for number in range(5):
        labels = {"set": "list", "odd": str(number % 2)}
        yield Step(
            f"list item {number}", "POST", MAPS, config_map(f"list-{number}", {}, labels=labels)
        )
    chosen = f"{MAPS}?labelSelector="
    yield Step("by label", "GET", chosen + "set%3Dlist,odd%3D1")
    yield Step("by labels in", "GET", chosen + "odd+in+(0,1),odd!%3D0")
    yield Step("by a label that is missing", "GET", chosen + "!set,a%3Db")
    yield Step("by a selector that cannot be", "GET", chosen + "a%3D%3D%3Db")
    yield Step("by name", "GET", f"{MAPS}?fieldSelector=metadata.name%3Dlist-3")
    yield Step("by a field of data", "GET", f"{MAPS}?fieldSelector=data.x%3Db")
    all_of = f"{MAPS}?labelSelector=set%3Dlist"
    accounts = f"{CORE}/serviceaccounts"
    for name in ("b", "c", "e"):
        yield Step(f"account {name}", "POST", accounts, {"metadata": {"name": name}})
    first = f"{accounts}?limit=2"
    yield Step("the first page", "GET", first, save={"next": "metadata.continue"})
    yield Step("written between pages", "POST", accounts, {"metadata": {"name": "d"}})
    second = f"{accounts}?limit=100&continue=${{next}}"
    yield Step("the second page is of the same moment", "GET", second)
    yield Step("a selected page counts nothing", "GET", f"{all_of}&limit=2")
    yield Step("a token that is none", "GET", f"{MAPS}?limit=1&continue=abc")
    yield Step("a table", "GET", all_of, accept=f"{TABLE},application/json")
    yield Step(
        "one row", "GET", f"{MAPS}/list-1?includeObject=None", accept=f"{TABLE},application/json"
    )
    yield Step("a future revision", "GET", f"{MAPS}/made?resourceVersion=x")


def watching() -> Iterator[Step]:
    selected = "labelSelector=watched%3Dyes"
    yield Step(
        "before the watch", "GET", MAPS + "?limit=1", save={"from": "metadata.resourceVersion"}
    )
    yield Step("seen: created", "POST", MAPS, config_map("w", labels={"watched": "yes"}))
    yield Step("seen: changed", "PATCH", f"{MAPS}/w", {"data": {"x": "y"}}, MERGE)
    yield Step("not seen", "POST", MAPS, config_map("w2", labels={"watched": "no"}))
    yield Step(
        "leaves the selection",
        "PATCH",
        f"{MAPS}/w",
        {"metadata": {"labels": {"watched": "no"}}},
        MERGE,
    )
    yield Step(
        "comes into the selection",
        "PATCH",
        f"{MAPS}/w2",
        {"metadata": {"labels": {"watched": "yes"}}},
        MERGE,
    )
    yield Step("seen: deleted", "DELETE", f"{MAPS}/w2")
    path = f"{MAPS}?watch=true&timeoutSeconds=1&{selected}&resourceVersion=${{from}}"
    yield Step("a watch from a revision", "GET", path, watch=True)
    named = f"{MAPS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dw"
    yield Step("a watch without a revision", "GET", named, watch=True)
    initial = (
        f"{named}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    )
    yield Step("a watch that begins with a list", "GET", initial, watch=True)
    table = f"{named}&resourceVersion=0"
    yield Step("a watch of tables", "GET", table, watch=True, accept=f"{TABLE},application/json")


def applying() -> Iterator[Step]:
    one = f"{MAPS}/applied"
    body = config_map("applied", {"a": "1", "b": "2"})
    yield Step("apply needs a manager", "PATCH", one, body, APPLY)
    yield Step("apply creates", "PATCH", f"{one}?fieldManager=first", body, APPLY)
    yield Step("apply again changes nothing", "PATCH", f"{one}?fieldManager=first", body, APPLY)
    other = config_map("applied", {"a": "other"})
    yield Step("another manager conflicts", "PATCH", f"{one}?fieldManager=second", other, APPLY)
    forced = f"{one}?fieldManager=second&force=true"
    yield Step("another manager by force", "PATCH", forced, other, APPLY)
    fewer = config_map("applied", {"b": "2"})
    yield Step(
        "the first manager gives up what it lost",
        "PATCH",
        f"{one}?fieldManager=first",
        fewer,
        APPLY,
    )
    nothing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}}
    yield Step("what nobody names is removed", "PATCH", f"{one}?fieldManager=first", nothing, APPLY)
    yield Step(
        "an update takes ownership",
        "PATCH",
        f"{one}?fieldManager=editor",
        {"data": {"a": "3"}},
        MERGE,
    )
    yield Step("and then it conflicts", "PATCH", f"{one}?fieldManager=second", other, APPLY)
    template = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "applied"},
        "template": {"spec": POD_SPEC},
    }
    path = f"{CORE}/podtemplates/applied?fieldManager="
    yield Step("apply of a pod's spec", "PATCH", f"{path}first", template, APPLY)
    env = [{"name": "web", "env": [{"name": "B", "value": "x"}]}]
    side = {**template, "template": {"spec": {"containers": env}}}
    yield Step("lists merge by their keys", "PATCH", f"{path}second", side, APPLY)
    image = [{"name": "web", "image": "other:1"}]
    side = {**template, "template": {"spec": {"containers": image}}}
    yield Step("one field in a list conflicts", "PATCH", f"{path}third", side, APPLY)
    yield Step(
        "applied as YAML",
        "PATCH",
        f"{MAPS}/yaml?fieldManager=y",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  a: 'yes'\n",
        APPLY,
    )


def custom() -> Iterator[Step]:
    schema = {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["color"],
                "x-kubernetes-validations": [
                    {"rule": "self.color == oldSelf.color", "message": "color is immutable"},
                    {
                        "rule": "!has(self.size) || self.size != 7",
                        "message": "size cannot be seven",
                    },
                ],
                "properties": {
                    "color": {"type": "string", "enum": ["red", "blue"]},
                    "size": {"type": "integer", "minimum": 0, "maximum": 10},
                    "replicas": {"type": "integer"},
                    "mode": {"type": "string", "default": "fast"},
                    "word": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                    "when": {"type": "string", "format": "date-time"},
                    "port": {"x-kubernetes-int-or-string": True},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "names": {"type": "object", "additionalProperties": {"type": "string"}},
                    "items": {
                        "type": "array",
                        "maxItems": 2,
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["key"],
                        "items": {
                            "type": "object",
                            "required": ["key"],
                            "properties": {
                                "key": {"type": "string"},
                                "weight": {"type": "integer", "default": 1},
                            },
                        },
                    },
                },
            },
            "status": {
                "type": "object",
                "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
            },
        },
    }
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.conformance.example.com"},
        "spec": {
            "group": "conformance.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    ],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    yield Step("a resource is defined", "POST", CRDS, crd)
    one = f"{CRDS}/widgets.conformance.example.com"
    yield Step("it is established", "GET", one, until=("status.conditions.1.status", "True"))
    served = "/apis/conformance.example.com/v1"
    yield Step("it is served", "GET", served, until=("resources.0.name", "widgets"))
    yield Step("it can be listed", "GET", WIDGETS, until=("kind", "WidgetList"))
    broken = {**crd, "metadata": {"name": "wrong.example.com"}}
    yield Step("a definition's name must fit", "POST", CRDS, broken)

    def widget(name: str, spec: Any, **more: Any) -> dict[str, Any]:
        return {
            "apiVersion": "conformance.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": name},
            "spec": spec,
            **more,
        }

    full = {
        "color": "red",
        "size": 3,
        "replicas": 2,
        "extra": 1,
        "port": "http",
        "free": {"any": {"thing": 1}},
        "names": {"a": "b"},
        "items": [{"key": "x", "odd": 1}, {"key": "y", "weight": 4}],
    }
    body = widget("full", full, status={"phase": "New"})
    yield Step(
        "defaults and pruning", "POST", WIDGETS, body, save={"w": "metadata.resourceVersion"}
    )
    yield Step("unknown fields, strict", "POST", f"{WIDGETS}?fieldValidation=Strict", body)
    for name, spec in (
        ("a wrong type", {"color": "red", "size": "big"}),
        ("a value that is none of them", {"color": "green"}),
        ("a missing field", {"size": 1}),
        ("too small", {"color": "red", "size": -1}),
        ("too large", {"color": "red", "size": 11}),
        ("no match", {"color": "red", "word": "ABC"}),
        ("too long", {"color": "red", "word": "abcdefgh"}),
        ("a bad date", {"color": "red", "when": "yesterday"}),
        ("too many items", {"color": "red", "items": [{"key": k} for k in "abc"]}),
        ("a key twice", {"color": "red", "items": [{"key": "a"}, {"key": "a"}]}),
        ("a rule", {"color": "red", "size": 7}),
        ("several things at once", {"color": "green", "size": 11, "word": "ABC"}),
        ("null", {"color": None}),
    ):
        yield Step(f"refused: {name}", "POST", WIDGETS, widget("bad", spec))
    yield Step("refused: no kind", "POST", WIDGETS, {"metadata": {"name": "x"}, "spec": {}})
    at = f"{WIDGETS}/full"
    yield Step("a rule about the change", "PATCH", at, {"spec": {"color": "blue"}}, MERGE)
    yield Step("no strategic merge", "PATCH", at, {"spec": {"size": 4}}, STRATEGIC)
    yield Step("a generation", "PATCH", at, {"spec": {"size": 4}}, MERGE)
    yield Step("no generation", "PATCH", at, {"metadata": {"labels": {"a": "b"}}}, MERGE)
    status = {
        "status": {"phase": "Done", "odd": 1},
        "spec": {"size": 9},
        "metadata": {"labels": {"c": "d"}},
    }
    yield Step("status alone", "PATCH", f"{at}/status", status, MERGE)
    yield Step("a put needs a revision", "PUT", at, widget("full", {"color": "red"}))
    stale = widget("full", {"color": "red"})
    stale["metadata"]["resourceVersion"] = "${w}"
    yield Step("a put with an old one", "PUT", at, stale)
    yield Step("its scale", "GET", f"{at}/scale")
    yield Step("its table", "GET", WIDGETS, accept=f"{TABLE},application/json")
    applied = widget("full", {"color": "red", "items": [{"key": "z"}]})
    yield Step("apply merges lists", "PATCH", f"{at}?fieldManager=a&force=true", applied, APPLY)
    yield Step("deleted", "DELETE", at)
    yield Step("the definition goes", "DELETE", one)
    yield Step("and what it served", "GET", WIDGETS, gone=True)


def deleting() -> Iterator[Step]:
    one = f"{MAPS}/held"
    body = config_map("held", finalizers=["example.com/hold"])
    yield Step("an object with a finalizer", "POST", MAPS, body)
    yield Step("is only marked", "DELETE", one)
    yield Step("stays so", "DELETE", one)
    added = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    yield Step("takes no new finalizers", "PATCH", one, added, MERGE)
    yield Step("goes with the last one", "PATCH", one, {"metadata": {"finalizers": None}}, MERGE)
    yield Step("is gone", "GET", one, gone=True)
    yield Step("cannot be deleted twice", "DELETE", one)
    yield Step("an owner", "POST", MAPS, config_map("owner"), save={"owner": "metadata.uid"})
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "${owner}"}
    child = config_map("child", ownerReferences=[owner])
    yield Step("a dependent", "POST", MAPS, child)
    wrong = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    yield Step("of another uid it is not deleted", "DELETE", f"{MAPS}/owner", wrong)
    yield Step("a dry run deletes nothing", "DELETE", f"{MAPS}/owner?dryRun=All")
    yield Step("an owner goes", "DELETE", f"{MAPS}/owner", {"propagationPolicy": "Background"})
    yield Step("its dependent follows", "GET", f"{MAPS}/child", gone=True)
    lost = config_map("lost", ownerReferences=[{**owner, "name": "never", "uid": "0-1"}])
    yield Step("a dependent of nobody", "POST", MAPS, lost)
    yield Step("is removed", "GET", f"{MAPS}/lost", gone=True)
    yield Step("an owner again", "POST", MAPS, config_map("owner"), save={"owner": "metadata.uid"})
    yield Step("a dependent again", "POST", MAPS, child)
    yield Step("its owner goes alone", "DELETE", f"{MAPS}/owner", {"propagationPolicy": "Orphan"})
    yield Step("the owner is gone", "GET", f"{MAPS}/owner", gone=True)
    yield Step("the dependent is let go", "GET", f"{MAPS}/child")
    for path in (f"{CORE}/pods/pod", f"{CORE}/services/svc", f"{APPS}/deployments/app"):
        yield Step(f"deleted: {path.split('/')[-2]}", "DELETE", path)
    chosen = f"{MAPS}?labelSelector=set%3Dlist"
    yield Step("many at once", "DELETE", chosen)
    yield Step("none is left", "GET", chosen)
    yield Step("a namespace goes", "DELETE", f"/api/v1/namespaces/{NS}")
    yield Step("with all that is in it", "GET", f"/api/v1/namespaces/{NS}", gone=True)
    yield Step("nothing is left in it", "GET", MAPS)


STEPS: tuple[Step, ...] = tuple(
    step
    for part in (
        namespaces,
        creating,
        updating,
        patching,
        workloads,
        pods,
        others,
        listing,
        watching,
        applying,
        custom,
        deleting,
    )
    for step in part()
)
