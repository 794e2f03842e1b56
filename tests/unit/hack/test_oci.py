"""The archives of images that ``hack/oci.py`` writes."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from hack import oci

SCRIPT = Path(oci.__file__)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small root file system with every sort of entry but devices."""
    made = tmp_path / "root"
    (made / "usr/bin").mkdir(parents=True)
    (made / "usr/bin/tool").write_bytes(b"#!/bin/sh\n")
    (made / "usr/bin/tool").chmod(0o755)
    (made / "usr/bin/again").hardlink_to(made / "usr/bin/tool")
    (made / "bin").symlink_to("usr/bin")
    (made / "tmp").mkdir()
    (made / "tmp").chmod(0o1777)
    return made


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = {}
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            found[entry.name] = file.read()
        return found


def document(blobs: dict[str, bytes], descriptor: dict[str, Any]) -> Any:
    return json.loads(blob(blobs, descriptor))


def blob(blobs: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = blobs["blobs/" + descriptor["digest"].replace(":", "/")]
    assert len(content) == descriptor["size"]
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    return content


def test_every_name_leads_through_manifest_and_configuration_to_the_files(
    root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tar"
    names = ["docker.io/library/tool:1", "example.test/tool:latest"]
    [digest] = oci.write(out, [oci.Image(names, [root], {"User": "65532:65532"})])
    blobs = read(out)
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    entries = json.loads(blobs["index.json"])["manifests"]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries] == names
    assert {entry["digest"] for entry in entries} == {digest}
    manifest = document(blobs, entries[0])
    config = document(blobs, manifest["config"])
    assert config["config"] == {"User": "65532:65532"}
    [layer] = manifest["layers"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"]]
    (tmp_path / "layer.tar").write_bytes(blob(blobs, layer))
    with tarfile.open(tmp_path / "layer.tar") as tar:
        kinds = {entry.name: (entry.type, entry.mode) for entry in tar if entry.name != "."}
    assert kinds["tmp"] == (tarfile.DIRTYPE, 0o1777)
    assert kinds["bin"][0] == tarfile.SYMTYPE
    assert kinds["usr/bin/again"] == (tarfile.REGTYPE, 0o755)
    assert kinds["usr/bin/tool"][0] == tarfile.LNKTYPE


def test_docker_finds_the_same_images_in_its_own_words(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    oci.write(out, [oci.Image(["docker.io/library/tool:1"], [root])])
    blobs = read(out)
    [image] = json.loads(blobs["manifest.json"])
    assert image["RepoTags"] == ["docker.io/library/tool:1"]
    assert image["Config"] in blobs
    assert set(image["Layers"]) < set(blobs)


def test_the_same_files_give_the_same_bytes_at_another_time_in_another_place(
    root: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    subprocess.run(["cp", "-a", root, copy], check=True)
    for path in (copy, *copy.rglob("*")):
        os.utime(path, (12345, 12345), follow_symlinks=False)
    archives = []
    for where in (root, copy):
        out = tmp_path / f"{where.name}.tar"
        oci.write(out, [oci.Image(["docker.io/library/tool:1"], [where])], architecture="arm64")
        archives.append(out.read_bytes())
    assert archives[0] == archives[1]


def test_images_share_a_layer_that_is_a_directory_or_was_packed_before(
    root: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "packed.tar"
    oci.pack(root, packed)
    above = tmp_path / "above"
    above.mkdir()
    (above / "file").write_text("of the second image alone")
    out = tmp_path / "out.tar"
    oci.write(out, [oci.Image(["a.test/a:1"], [packed]), oci.Image(["a.test/b:1"], [root, above])])
    blobs = read(out)
    first, second = (
        document(blobs, entry)["layers"] for entry in json.loads(blobs["index.json"])["manifests"]
    )
    assert first == second[:1]
    assert len(second) == 2
    assert sum(name.startswith("blobs/") for name in blobs) == 2 * 2 + 2


def test_the_command_takes_images_from_its_input(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    spec = [{"names": ["a.test/a:1"], "rootfs": str(root), "config": {"Cmd": ["/bin/tool"]}}]
    ran = subprocess.run(
        [sys.executable, SCRIPT, out],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        check=True,
    )
    [entry] = json.loads(read(out)["index.json"])["manifests"]
    assert ran.stdout == f"{entry['digest']} a.test/a:1\n"


def test_an_archive_that_could_not_be_finished_is_not_there(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    images = [oci.Image(["a.test/a:1"], [root]), oci.Image(["a.test/b:1"], [tmp_path / "none"])]
    with pytest.raises(FileNotFoundError):
        oci.write(out, images)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root"]
