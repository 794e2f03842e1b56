from typing import Any

import pytest

from kubeferry.transform.parameters.privileged import KINDS
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import Pipeline, Rules

SKIP = Pipeline(Rules(parameters=Parameters(skip_privileged=True)))
HOST = {"hostNetwork": True, "containers": []}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kinds_that_give_rights_are_left_out(kind: str) -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"service": {"name": "a"}}}
    outcome = SKIP(obj, kind)
    assert outcome.skipped is not None
    assert outcome.skipped.reason == "Privileged"
    assert Pipeline(Rules())(obj, kind).skipped is None


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        pytest.param("pods", HOST, id="a pod"),
        pytest.param("deployments.apps", {"template": {"spec": HOST}}, id="a template"),
        pytest.param("deployments.extensions", {"template": {"spec": HOST}}, id="an old group"),
        pytest.param(
            "cronjobs.batch", {"jobTemplate": {"spec": {"template": {"spec": HOST}}}}, id="a job's"
        ),
        pytest.param(
            "controllerrevisions.apps", {"spec": {"template": {"spec": HOST}}}, id="a revision's"
        ),
        pytest.param(
            "clonesets.apps.kruise.io", {"template": {"spec": HOST}}, id="a custom resource's"
        ),
    ],
)
def test_a_pod_beyond_the_baseline_is_left_out_whoever_makes_it(kind: str, spec: Any) -> None:
    part = "data" if kind.startswith("controllerrevisions") else "spec"
    outcome = SKIP({"metadata": {"name": "a", "namespace": "b"}, part: spec}, kind)
    assert outcome.skipped is not None
    assert "hostNetwork" in outcome.skipped.message


def test_a_custom_resource_without_pods_is_not_judged() -> None:
    obj = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"template": {"hostNetwork": True}}}
    assert SKIP(obj, "certificates.cert-manager.io").skipped is None
