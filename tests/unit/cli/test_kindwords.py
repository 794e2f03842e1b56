import pytest

from kubeferry.cli.kindwords import KindWord


@pytest.mark.parametrize(
    ("word", "matches"),
    [
        pytest.param(KindWord("deployments.apps"), True, id="the group resource"),
        pytest.param(KindWord("deployments"), True, id="the plural"),
        pytest.param(KindWord("Deployment"), True, id="the kind"),
        pytest.param(KindWord("deployment"), True, id="the kind in small letters"),
        pytest.param(KindWord("Deployment.apps"), True, id="the kind and its group"),
        pytest.param(KindWord("deploy", "deployments.apps"), True, id="what a cluster calls it"),
        pytest.param(KindWord("deploy"), False, id="a short name that no cluster tells"),
        pytest.param(KindWord("deployments.example.com"), False, id="another group"),
        pytest.param(KindWord("pods", "pods"), False, id="another kind"),
    ],
)
def test_which_kind_a_word_means(word: KindWord, matches: bool) -> None:
    assert word.matches("deployments.apps", "Deployment") is matches


def test_a_kind_of_the_core_group() -> None:
    assert KindWord("Pod").matches("pods", "Pod")
    assert not KindWord("pod.apps").matches("pods", "Pod")
