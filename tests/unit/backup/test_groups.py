import pytest

from kubeferry.backup.groups import Pod, grouped


def pods(*told: str) -> list[Pod]:
    """``a:x,y`` is the pod ``a`` that mounts the claims ``x`` and ``y``; ``n/a`` is in ``n``."""
    made = []
    for one in told:
        name, _, claims = one.partition(":")
        namespace, _, name = name.rpartition("/")
        made.append(Pod(namespace, name, tuple(filter(None, claims.split(",")))))
    return made


@pytest.mark.parametrize(
    ("told", "groups"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["a", "b"], ["a", "b"], id="without claims each for itself"),
        pytest.param(["a:x", "b:y"], ["a", "b"], id="other claims, other groups"),
        pytest.param(["a:x", "b:y", "c:x"], ["ac", "b"], id="the same claim"),
        pytest.param(["n/a:x", "m/b:x"], ["a", "b"], id="the same name in another namespace"),
        pytest.param(["a:x", "b:y", "c:x,y"], ["abc"], id="a pod joins two groups"),
        pytest.param(
            ["a:x", "b:y", "c:x,y", "d:y", "e:z"], ["abcd", "e"], id="and those who come after"
        ),
        pytest.param(["a:1", "b:2", "c:3", "d:3,2", "e:2,1", "f:3"], ["abcdef"], id="joined twice"),
    ],
)
def test_pods_that_share_a_claim_are_one_group(told: list[str], groups: list[str]) -> None:
    found = ["".join(sorted(pod.name for pod in group)) for group in grouped(pods(*told))]
    assert sorted(found) == groups
    assert sum(map(len, found)) == len(told)
