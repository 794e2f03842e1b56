import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.change import Outcome
from kubeferry.transform.parameters.images import ImageMap, target_images
from kubeferry.transform.pipeline import Pipeline, Rules


@pytest.mark.parametrize(
    ("mapping", "image", "result"),
    [
        pytest.param({"reg/a": "new/b"}, "reg/a/web:1", "new/b/web:1", id="the seed's form"),
        pytest.param({"reg/a/": "new/b/"}, "reg/a/web:1", "new/b/web:1", id="slashes at both ends"),
        pytest.param({"reg/a/": "new/b"}, "reg/a/web:1", "new/b/web:1", id="a slash at one end"),
        pytest.param({"reg/a": "new"}, "reg/ab/web:1", "reg/ab/web:1", id="not inside a component"),
        pytest.param(
            {"reg": "x", "reg/a": "y", "reg/a/b": "z"}, "reg/a/web", "y/web", id="longest wins"
        ),
        pytest.param({"a/x": "b/y", "b/y": "c/z"}, "a/x/web", "b/y/web", id="mapped once"),
        pytest.param({"a": "b", "b": "a"}, "a/web", "b/web", id="a swap is one step"),
        pytest.param({"reg/a": "new"}, "reg/a@sha256:1", "new@sha256:1", id="a digest stays"),
        pytest.param({"reg": "new"}, "reg/w:1@sha256:1", "new/w:1@sha256:1", id="tag and digest"),
        pytest.param({"reg/web": "new/w"}, "reg/web:1", "new/w:1", id="a whole repository"),
        pytest.param({"localhost": "new"}, "localhost:5000/w", "localhost:5000/w", id="a port"),
        pytest.param({"localhost:5000": "new"}, "localhost:5000/w", "new/w", id="with its port"),
        pytest.param({"docker.io/library": "n"}, "nginx:1.7", "n/nginx:1.7", id="a short name"),
        pytest.param(
            {"docker.io": "n"}, "team/app", "n/team/app", id="Docker Hub without its name"
        ),
        pytest.param(
            {"docker.io": "n"}, "reg.example.com/app", "reg.example.com/app", id="not hub"
        ),
        pytest.param({"team": "n", "docker.io": "x"}, "team/app", "n/app", id="as written first"),
        pytest.param(
            {"docker.io/library": "n"}, "docker.io/nginx", "n/nginx", id="the hub's short form"
        ),
        pytest.param(
            {"docker.io/nginx": "n/web"}, "nginx:1", "n/web:1", id="a prefix in the short form"
        ),
        pytest.param({"index.docker.io/team": "n"}, "team/app", "n/app", id="the hub's other name"),
        pytest.param({"docker.io": "n"}, "$(IMAGE)", "$(IMAGE)", id="no image's name"),
    ],
)
def test_rename(mapping: dict[str, str], image: str, result: str) -> None:
    assert ImageMap(mapping).rename(image) == result


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        pytest.param({"": "a"}, "'' is no image prefix", id="an empty source"),
        pytest.param({"a": "/"}, "'/' is no image prefix", id="an empty target"),
        pytest.param({"https://a": "b"}, "no image prefix", id="a URL"),
        pytest.param({"a b": "c"}, "no image prefix", id="a space"),
        pytest.param({"a": "b/c:1"}, "has a tag or digest", id="a tag"),
        pytest.param({"a/b@sha256:1": "b"}, "has a tag or digest", id="a digest"),
        pytest.param({"a": "b", "a/": "c"}, "mapped twice", id="twice"),
    ],
)
def test_refused(mapping: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        ImageMap(mapping)
    assert caught.value.place.startswith("spec.imageRegistryMapping.")


def test_the_target_images_are_those_that_were_mapped() -> None:
    pipeline = Pipeline(Rules(images=ImageMap({"old": "new"})))
    containers = [{"image": "old/a:1"}, {"image": "other/b:1"}, {"image": "old/a:1"}]
    outcome = pipeline({"metadata": {"name": "p"}, "spec": {"containers": containers}}, "pods")
    assert target_images(outcome) == ("new/a:1",)
    assert target_images(Outcome(None, outcome.changes, [], [])) == ()
