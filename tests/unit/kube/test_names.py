from kubeferry.kube.names import Resource

EVIL = "v1/nodes/NODE/proxy/run?cmd=id&x="


def test_the_path_of_a_kind_and_of_one_object() -> None:
    apps = Resource("apps", "v1", "deployments", "Deployment", True)
    assert apps.path("shop") == "/apis/apps/v1/namespaces/shop/deployments"
    assert apps.path("shop", "web", "scale").endswith("/namespaces/shop/deployments/web/scale")
    core = Resource("", "v1", "nodes", "Node", False)
    assert core.path("", "n") == "/api/v1/nodes/n"


def test_no_part_of_a_path_leads_elsewhere() -> None:
    core = Resource("", EVIL, "foos", "Foo", False)
    assert core.path("", "x", "a/b").count("/") == 5
    group = Resource("a/b?c", "v1", "../pods", "Foo", True)
    assert group.path("a/b") == "/apis/a%2Fb%3Fc/v1/namespaces/a%2Fb/..%2Fpods"
