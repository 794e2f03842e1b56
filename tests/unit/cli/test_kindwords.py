import pytest

from kubeferry.cli.kindwords import KindWord, check_namespaces, is_inside
from kubeferry.errors import InvalidInput


@pytest.mark.parametrize(
    ("word", "matches"),
    [
        pytest.param(KindWord("deployments.apps"), True, id="the group resource"),
        pytest.param(KindWord("deployments"), True, id="the plural"),
        pytest.param(KindWord("Deployment"), True, id="the kind"),
        pytest.param(KindWord("deployment"), True, id="the kind in small letters"),
        pytest.param(KindWord("Deployment.apps"), True, id="the kind and its group"),
        pytest.param(KindWord("deploy", "deployments.apps"), True, id="what a cluster calls it"),
        pytest.param(KindWord("*.apps"), True, id="a glob"),
        pytest.param(KindWord("*.batch"), False, id="a glob of another group"),
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


def test_a_namespace_is_meant_by_its_name_or_a_glob() -> None:
    assert is_inside("shop", ["other", "sh*"])
    assert is_inside("shop", ["shop"])
    assert not is_inside("shop", ["sho"])
    assert not is_inside("", ["*"]), "what is in no namespace"


@pytest.mark.parametrize("text", ["a/b", "{a,b}", "sh*/"])
def test_what_is_no_namespace_is_refused(text: str) -> None:
    check_namespaces(["*", "sh*", "shop"])
    with pytest.raises(InvalidInput, match="--in-namespace"):
        check_namespaces([text])
