"""What must be so of the mixed application where it was restored with every parameter."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests import mixed
from tests.builders import obj
from tests.clusters import Cluster
from tests.mixed import DB_2, SHOP_2, WIDGETS

QUIET = {"Identical", "Controlled", "OwnerThere", "VolumeProvisionedAnew", "Completed"}


def adapted(cluster: Cluster) -> None:
    """Every parameter has done its part."""
    get = cluster.get
    web = get("deployment", "web", "-n", SHOP_2)["spec"]["template"]["spec"]
    [main] = web["containers"]
    assert main["image"] == f"{mixed.OTHER_REGISTRY}/{mixed.IMAGE}"
    assert main["env"] == [{"name": "STORE", "value": f"store.{DB_2}.svc:80"}]
    [anti] = web["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert anti["namespaces"] == [mixed.SHOP]
    settings = get("configmap", "settings", "-n", SHOP_2)["data"]
    assert settings == {"mode": "restored", "store": f"http://store.{DB_2}.svc.cluster.local/"}
    assert get("daemonset", "agent", "-n", SHOP_2)["spec"]["minReadySeconds"] == 2
    for kind, where in (
        ("rolebinding/reader", ["-n", SHOP_2]),
        ("clusterrolebinding/mx-reader", []),
    ):
        [subject] = get(kind, *where)["subjects"]
        assert subject["namespace"] == SHOP_2
    policy = get("networkpolicy", "from-shop", "-n", DB_2)["spec"]
    [peer] = policy["ingress"][0]["from"]
    assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == SHOP_2
    claims = {one["metadata"]["name"]: one["spec"] for one in get("pvc", "-n", DB_2)["items"]}
    assert {one["storageClassName"] for one in claims.values()} == {mixed.FAST}
    sizes = {name: one["resources"]["requests"]["storage"] for name, one in claims.items()}
    assert sizes == {"data-store-0": "20Gi", "data-store-1": "1Gi"}
    opened = get("service", "open", "-n", SHOP_2)
    assert opened["metadata"]["annotations"]["example.com/id"] == "lb"
    assert opened["spec"]["ports"][0]["nodePort"] == mixed.NODE_PORT
    ingress = get("ingress", "web", "-n", SHOP_2)
    assert ingress["spec"]["ingressClassName"] == "mx-class"
    assert ingress["metadata"]["annotations"]["example.com/class"] == "new"
    assert "example.com/old" not in ingress["metadata"]["annotations"]
    [hook] = get("validatingwebhookconfiguration", "mx-judge")["webhooks"]
    [expression] = hook["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == [SHOP_2]


def custom_kind(cluster: Cluster) -> None:
    """It is converted, and judged by schema, CEL and webhook."""
    get = cluster.get
    red = get(WIDGETS, "red", "-n", SHOP_2)
    assert (red["spec"], red["status"]) == ({"size": 3, "owner": "shop"}, {"seen": 7})
    blue = get(f"widgets.v1beta1.{mixed.GROUP}", "blue", "-n", SHOP_2)
    assert blue["spec"] == {"width": "5"}
    for spec, said in (
        ({"size": 0}, "should be greater than or equal to 1"),
        ({"size": 13}, "no widget has that size"),
        ({"size": 1, "owner": "nobody"}, "nobody owns nothing"),
    ):
        widget = obj(f"{mixed.GROUP}/v1/Widget", f"{SHOP_2}/bad").with_(spec=spec)
        refusal = cluster.refusal("create", "-f", "-", input=widget.json.decode())
        assert said in refusal


def owner_of_owned(cluster: Cluster) -> str:
    """The uid of what owns the ConfigMap that a widget owned; empty if nothing does."""
    about = cluster.get("configmap", "owned", "-n", SHOP_2)["metadata"]
    return "".join(one["uid"] for one in about.get("ownerReferences", ()))


def loud(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a restore over the same has not left alone for a good reason."""
    return [
        f"{one['action']} {one['target']} {one.get('reason')}: {one.get('message')}"
        for one in lines
        if one["action"] != "skipped" or one["reason"] not in QUIET
    ]
