"""What a real API server says of a node port that is taken is what the restore understands."""

import json
from typing import Any

import pytest

from kubeferry.errors import Invalid
from kubeferry.restore.node_ports import without_taken
from tests.clusters import Cluster

pytestmark = pytest.mark.real


def service(name: str) -> dict[str, Any]:
    ports = [{"name": f"p{one}", "port": one, "nodePort": 30700 + one} for one in (77, 78)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": "NodePort", "ports": ports},
    }


def test_a_port_after_the_other_is_given_up_until_the_service_is_taken(
    restore_cluster: Cluster,
) -> None:
    restore_cluster.kubectl("create", "-f", "-", input=json.dumps(service("taken")))
    try:
        asked = service("asks")
        for _ in asked["spec"]["ports"]:
            said = restore_cluster.run("create", "-f", "-", input=json.dumps(asked))
            if said.returncode == 0:
                break
            freed = without_taken(asked, Invalid(said.stderr))
            assert freed is not None, said.stderr
            asked = freed[0]
        else:
            restore_cluster.kubectl("create", "-f", "-", input=json.dumps(asked))
        live = restore_cluster.get("service", "asks", "-n", "default")["spec"]["ports"]
        assert not {30777, 30778} & {port["nodePort"] for port in live}
    finally:
        restore_cluster.kubectl("delete", "service", "taken", "asks", "--ignore-not-found")
