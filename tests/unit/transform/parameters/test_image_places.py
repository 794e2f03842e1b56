import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.parameters.image_places import compile_paths, image_changes
from kubeferry.transform.parameters.images import ImageMap

IMAGES = ImageMap({"old": "new"})
KIND = "things.example.com"


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        pytest.param({"pods": ["/spec"]}, "'pods' is no custom resource", id="a built-in kind"),
        pytest.param({"secrets": ["/data"]}, "no custom resource", id="Secrets"),
        pytest.param({"deployments.extensions": ["/a"]}, "no custom resource", id="an old group"),
        pytest.param({"things": ["/a"]}, "'things' is no custom resource", id="no group"),
        pytest.param({KIND: ["spec"]}, "'spec' is no path", id="no slash"),
        pytest.param({KIND: ["/"]}, "'/' is no path", id="the whole object"),
        pytest.param({KIND: ["/a//b"]}, "'/a//b' is no path", id="an empty key"),
    ],
)
def test_refused(paths: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        compile_paths(paths)
    assert caught.value.place.startswith("spec.imagePaths.")


def test_two_paths_to_one_place_change_it_once() -> None:
    paths = compile_paths({KIND: ["/spec/*/image", "/spec/*/image"]})
    step = image_changes(KIND, IMAGES, paths)
    assert step is not None
    [change] = step({"spec": [{"image": "old/a"}, {"image": 5}, {"image": "other"}]})
    assert (change.pointer, change.new) == ("/spec/0/image", "new/a")


def test_no_step_without_a_mapping_or_a_place() -> None:
    assert image_changes("pods", ImageMap({}), {}) is None
    assert image_changes(KIND, IMAGES, {}) is None
    assert image_changes("pods", IMAGES, {}) is not None
