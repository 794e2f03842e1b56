import pytest

from kubeferry.kube.near_names import did_you_mean


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("deploymnt", "; did you mean Deployment?", id="a typing error"),
        pytest.param("shopp", "; did you mean shop?", id="another"),
        pytest.param("zebra", "", id="nothing like it"),
    ],
)
def test_a_near_name_is_suggested(text: str, told: str) -> None:
    assert did_you_mean(text, ["Deployment", "shop", "", "pods"]) == told
