"""The image: what the Containerfile, ``hack/image.py`` and the Deployment say of it agrees."""

import json
import re
import shlex
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from hack import image
from kubeferry import __version__
from kubeferry.api.install import Installation, manifests
from kubeferry.cli.install import install
from kubeferry.cli.main import root as commands

CONTAINERFILE = image.ROOT / "Containerfile"


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage: name and what follows."""
    joined = re.sub(r"\\\n\s*", " ", CONTAINERFILE.read_text())
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    pairs = [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]
    starts = [index for index, (name, _) in enumerate(pairs) if name == "FROM"]
    return [pairs[start + 1 : end] for start, end in pairwise([*starts, len(pairs)])]


def words(instruction: str) -> list[str]:
    return [
        word for name, rest in stages()[-1] if name == instruction for word in shlex.split(rest)
    ]


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    [deployment] = [
        one for one in manifests(Installation(image="kubeferry")) if one["kind"] == "Deployment"
    ]
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def test_both_ways_of_building_it_make_an_image_that_runs_the_same_way() -> None:
    config = image.config()
    assert words("USER") == [config["User"]]
    assert words("ENV") == config["Env"]
    [entrypoint] = [json.loads(rest) for name, rest in stages()[-1] if name == "ENTRYPOINT"]
    assert entrypoint == config["Entrypoint"]
    labels = dict(word.split("=", 1) for word in words("LABEL"))
    assert labels == config["Labels"]
    assert words("COPY") == ["--from=build", f"/{image.HOME}", f"/{image.HOME}"]


def test_a_container_engine_is_given_what_is_copied_and_nothing_else() -> None:
    """Beside it there may be private keys of clusters that run on this machine."""
    lines = (image.ROOT / ".dockerignore").read_text().splitlines()
    first, *rest = (line for line in lines if not line.startswith("#"))
    copied = [shlex.split(text)[:-1] for name, text in stages()[0] if name == "COPY"]
    assert first == "*"
    assert {line[1:] for line in rest if line.startswith("!")} == set(chain(*copied))


def test_the_version_is_ours() -> None:
    assert image.config()["Labels"]["org.opencontainers.image.version"] == __version__


def test_the_kubelet_finds_the_image_that_install_names_by_default() -> None:
    [default] = [param.default for param in install.params if param.name == "image"]
    assert f"docker.io/library/{default}" in image.names()


def test_the_deployment_runs_it_as_the_user_it_is_made_for(pod: dict[str, Any]) -> None:
    user, group = image.config()["User"].split(":")
    security = pod["securityContext"]
    assert [str(security["runAsUser"]), str(security["runAsGroup"])] == [user, group]
    assert f"kubeferry:x:{user}:" in image.FILES["etc/passwd"]


def test_the_deployment_leaves_the_entry_point_and_names_a_command_of_it(
    pod: dict[str, Any],
) -> None:
    [container] = pod["containers"]
    assert "command" not in container
    assert container["args"][0] in commands.commands | commands.lazy  # type: ignore[attr-defined]


def test_nothing_in_the_image_is_looked_for_where_a_volume_is_mounted(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    path = dict(word.split("=", 1) for word in image.config()["Env"])
    used = [path["HOME"], *path["PATH"].split(":"), f"/{image.HOME}"]
    assert not [one for one in used for mount in mounts if Path(one).is_relative_to(mount)]


def test_no_marker_of_a_locked_requirement_excludes_the_image() -> None:
    """They are cut off before pip sees them: each holds there, or brings one wheel too many."""
    markers = set(re.findall(r" ; (.*?) \\", image.LOCK.read_text()))
    assert markers <= {
        "python_full_version < '3.13'",
        "platform_machine == 'AMD64' or platform_machine == 'aarch64' or "
        "platform_machine == 'arm64' or platform_machine == 'x86_64'",
    }
