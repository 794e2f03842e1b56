import pytest

from kubeferry.transform.parameters.image_reference import parse_image

HUB = "docker.io"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        pytest.param("nginx", HUB, "library/nginx", "", "", id="an official image"),
        pytest.param("nginx:1.7", HUB, "library/nginx", "1.7", "", id="with its tag"),
        pytest.param("team/app", HUB, "team/app", "", "", id="someone's on Docker Hub"),
        pytest.param(
            "docker.io/nginx", HUB, "library/nginx", "", "", id="short, and the hub named"
        ),
        pytest.param("index.docker.io/team/a:1", HUB, "team/a", "1", "", id="its other name"),
        pytest.param("localhost/a/b", "localhost", "a/b", "", "", id="localhost"),
        pytest.param("host:5000/a", "host:5000", "a", "", "", id="a port"),
        pytest.param("r.io/a/b/c:v1@sha256:0", "r.io", "a/b/c", "v1", "sha256:0", id="all of it"),
        pytest.param("a@sha256:0", HUB, "library/a", "", "sha256:0", id="a digest alone"),
    ],
)
def test_parts(text: str, registry: str, repository: str, tag: str, digest: str) -> None:
    parsed = parse_image(text)
    assert parsed is not None
    assert parsed[1:] == (registry, repository, tag, digest)
    assert text == parsed.written + parsed.version


@pytest.mark.parametrize(
    "text", ["", "/a", "a/", "a b", "$(IMAGE)", "${IMAGE}:1", ":1", "@sha256:0", "a\n"]
)
def test_no_image(text: str) -> None:
    assert parse_image(text) is None
