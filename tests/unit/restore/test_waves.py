import pytest

from kubeferry.restore.waves import ROUNDS, STEPS, rank


def test_every_kind_has_one_step_and_one_step_is_for_all_others() -> None:
    named = [kind for step in STEPS for kind in step.kinds]
    assert len(named) == len(set(named))
    assert [step.title for step in STEPS if not step.kinds] == [
        "workloads, services and everything else"
    ]
    assert [step.wave for step in STEPS] == sorted(step.wave for step in STEPS)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param("customresourcedefinitions.apiextensions.k8s.io", "things.x", id="kinds"),
        pytest.param("namespaces", "configmaps", id="namespaces before what is in them"),
        pytest.param("storageclasses.storage.k8s.io", "persistentvolumes", id="classes"),
        pytest.param("persistentvolumes", "persistentvolumeclaims", id="volumes before claims"),
        pytest.param("persistentvolumeclaims", "pods", id="claims before pods"),
        pytest.param("serviceaccounts", "secrets", id="accounts before their tokens"),
        pytest.param(
            "roles.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
            id="roles before bindings",
        ),
        pytest.param("secrets", "pods", id="secrets before pods"),
        pytest.param("configmaps", "pods", id="configuration before pods"),
        pytest.param("pods", "replicasets.apps", id="pods before their owners adopt them"),
        pytest.param("replicasets.apps", "deployments.apps", id="replica sets before deployments"),
        pytest.param(
            "replicasets.extensions", "deployments.extensions", id="by their old names alike"
        ),
        pytest.param("deployments.apps", "horizontalpodautoscalers.autoscaling", id="autoscalers"),
        pytest.param("things.x", "resourcequotas", id="quotas after what they count"),
        pytest.param(
            "poddisruptionbudgets.policy",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            id="webhooks last: they would see all creates",
        ),
    ],
)
def test_what_another_kind_needs_is_restored_before_it(first: str, then: str) -> None:
    assert rank(first) < rank(then)


def test_a_kind_that_needs_what_is_before_it_waits_for_it() -> None:
    for kind in ("persistentvolumeclaims", "pods", "replicasets.apps", "things.x"):
        assert STEPS[rank(kind)].barrier


@pytest.mark.parametrize(
    ("first", "then", "together"),
    [
        pytest.param("roles.rbac.authorization.k8s.io", "serviceaccounts", True, id="no need"),
        pytest.param("serviceaccounts", "secrets", False, id="tokens need their account"),
        pytest.param("pods", "replicasets.apps", False, id="owners adopt what is there"),
        pytest.param("services", "deployments.apps", True, id="all else at once"),
    ],
)
def test_a_round_ends_only_where_the_next_kind_needs_it(
    first: str, then: str, together: bool
) -> None:
    assert (ROUNDS[rank(first)] == ROUNDS[rank(then)]) is together
