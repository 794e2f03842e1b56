"""Writes an archive of container images (OCI layout) out of directories: no engine, no registry.

    python3 hack/oci.py OUT.tar < SPEC

SPEC is a JSON list of images::

    [{"names": ["docker.io/library/busybox:1.36"], "rootfs": "DIR", "config": {"Cmd": ["sh"]}},
     {"names": [...], "layers": ["DIR", "DIR", "LAYER.tar"], "config": {...}}]

A directory is the root of a layer; a file is a layer that ``pack`` wrote earlier. Images that name
the same directory, or directories with the same content, share the layer. ``config`` is the
image's configuration as OCI spells it: User, Env, Entrypoint, Cmd, WorkingDir, Labels ...

The same files give the same bytes, wherever and whenever: names are sorted, times are zero, owners
are numbers. ``ctr images import``, ``podman load`` and ``docker load`` read the archive. Nothing
but the standard library is needed.
"""

import hashlib
import io
import json
import os
import platform
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What the kernel calls a machine, and what an image calls it."""

_MEDIA = "application/vnd.oci.image"
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        names: full names with their tags, ``docker.io/library/busybox:1.36``.
        layers: directories, or tar files of ``pack``; a later one covers an earlier one.
        config: User, Env, Entrypoint, Cmd ... as in OCI's image configuration.
    """

    names: Sequence[str]
    layers: Sequence[Path]
    config: Mapping[str, Any] = field(default_factory=dict)


def write(out: Path, images: Sequence[Image], *, architecture: str = "") -> list[str]:
    """Writes the archive, whole or not at all; the digest of each image's manifest, in order.

    ``architecture`` is an image's word for it (``amd64``); else this machine's.
    """
    architecture = architecture or ARCHITECTURES[platform.machine()]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        blobs = _Blobs(Path(folder))
        manifests = [blobs.image(image, architecture) for image in images]
        partial = Path(folder, "archive.tar")
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            _add(archive, "index.json", _json(_index(images, manifests)))
            _add(archive, "manifest.json", _json(blobs.docker))
            for digest, content in sorted(blobs.content.items()):
                name = f"blobs/sha256/{digest}"
                if isinstance(content, bytes):
                    _add(archive, name, content)
                else:
                    with content.open("rb") as file:
                        archive.addfile(_entry(name, content.stat().st_size), file)
        partial.replace(out)
    return [str(manifest["digest"]) for manifest in manifests]


def pack(root: Path, out: Path, *, as_root: bool = False) -> None:
    """Writes a directory as a layer: an uncompressed tar that only the files decide.

    ``as_root`` gives everything to root, whoever it belongs to here.
    """

    def told(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = 0
        entry.uname = entry.gname = ""
        if as_root:
            entry.uid = entry.gid = 0
        return entry

    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as layer:
        layer.add(root, ".", recursive=False, filter=told)
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(folders + files):
                path = Path(folder, name)
                layer.add(path, str(path.relative_to(root)), recursive=False, filter=told)


class _Blobs:
    """What the archive is made of, by its SHA-256: documents as bytes, layers as files."""

    def __init__(self, folder: Path) -> None:
        self.content: dict[str, bytes | Path] = {}
        self.docker: list[dict[str, Any]] = []
        """The same images in the words of ``docker save``, for who knows only those."""
        self._folder = folder
        self._layers: dict[Path, dict[str, Any]] = {}

    def image(self, image: Image, architecture: str) -> dict[str, Any]:
        """The descriptor of the image's manifest."""
        layers = [self._layer(path.resolve()) for path in image.layers]
        config = self._document(
            "config",
            {
                "created": _EPOCH,
                "architecture": architecture,
                "os": "linux",
                "config": dict(image.config),
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            },
        )
        self.docker.append(
            {
                "Config": _blob(config),
                "RepoTags": list(image.names),
                "Layers": [_blob(layer) for layer in layers],
            }
        )
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": config,
            "layers": layers,
        }
        platforms = {"architecture": architecture, "os": "linux"}
        return self._document("manifest", manifest) | {"platform": platforms}

    def _document(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        data = _json(content)
        digest = hashlib.sha256(data).hexdigest()
        self.content[digest] = data
        return _descriptor(f"{_MEDIA}.{kind}.v1+json", digest, len(data))

    def _layer(self, source: Path) -> dict[str, Any]:
        known = self._layers.get(source)
        if known is not None:
            return known
        tar = source
        if source.is_dir():
            tar = self._folder / f"{len(self._layers)}.tar"
            pack(source, tar)
        with tar.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.content[digest] = tar
        found = _descriptor(f"{_MEDIA}.layer.v1.tar", digest, tar.stat().st_size)
        self._layers[source] = found
        return found


def _index(images: Sequence[Image], manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    entries = [
        # The first key is containerd's for the whole name, the second OCI's, which podman reads.
        manifest
        | {
            "annotations": {
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": name,
            }
        }
        for image, manifest in zip(images, manifests, strict=True)
        for name in image.names
    ]
    return {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.index.v1+json",
        "manifests": entries,
    }


def _descriptor(media: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": size}


def _blob(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def main() -> None:
    """The command."""
    if len(sys.argv) != 2:
        sys.exit("usage: oci.py OUT.tar < SPEC")
    images = [
        Image(
            names=given["names"],
            layers=[Path(path) for path in given.get("layers") or [given["rootfs"]]],
            config=given.get("config", {}),
        )
        for given in json.load(sys.stdin)
    ]
    digests = write(Path(sys.argv[1]), images)
    for image, digest in zip(images, digests, strict=True):
        print(digest, *image.names)


if __name__ == "__main__":
    main()
