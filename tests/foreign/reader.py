"""Reads backups as Velero does, by code of its own: it shares no line with kubeferry.

Written from reference velero.md §1.1, Reading side: the extractor unpacks the whole archive into a
folder, the parser looks only at ``resources/<GR>/cluster/*`` and
``resources/<GR>/namespaces/<ns>/*``, and every other folder of a group resource is a version.
"""

import gzip
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFERRED = "-preferredversion"
TOP_LEVEL = {"backups", "restores", "restic", "metadata", "plugins", "kopia"}
"""Folders with which Velero's location check calls a bucket valid (velero.md §1.3)."""


@dataclass(frozen=True)
class Member:
    """One entry of the tar: its header, and what is in it."""

    header: tarfile.TarInfo
    body: bytes


@dataclass
class ResourceItems:
    """The parser's view of one group resource: namespace to names, empty for the cluster."""

    names: dict[str, list[str]] = field(default_factory=dict)
    versions: dict[str, bool] = field(default_factory=dict)
    """Version to whether it is the source's preferred one."""


def members(file: Path) -> list[Member]:
    """Every entry in its order, of one gzip stream."""
    found = []
    with gzip.open(file) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
        for header in tar:
            content = tar.extractfile(header) if header.isreg() else None
            found.append(Member(header, content.read() if content else b""))
    return found


def extract(found: list[Member], folder: Path) -> Path:
    """Unpacks files and folders, passes over other types. An entry that escapes is refused."""
    for one in found:
        target = (folder / one.header.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ValueError(f"{one.header.name} leads out of {folder}")
        if one.header.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif one.header.isreg():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(one.body)
    return folder


def parse(folder: Path) -> tuple[dict[str, ResourceItems], list[str]]:
    """What the parser finds, and what it logs as unexpected and passes over."""
    found: dict[str, ResourceItems] = {}
    unexpected: list[str] = []
    for resource in sorted((folder / "resources").iterdir()):
        if not resource.is_dir():
            unexpected.append(str(resource.relative_to(folder)))
            continue
        items = found[resource.name] = ResourceItems()
        for scope in sorted(resource.iterdir()):
            if scope.name == "cluster":
                items.names[""] = _names(scope, folder, unexpected)
            elif scope.name == "namespaces":
                for namespace in sorted(scope.iterdir()):
                    items.names[namespace.name] = _names(namespace, folder, unexpected)
            elif scope.is_dir():
                version = scope.name.removesuffix(PREFERRED)
                items.versions[version] = scope.name.endswith(PREFERRED)
            else:
                unexpected.append(str(scope.relative_to(folder)))
    return found, unexpected


def _names(place: Path, folder: Path, unexpected: list[str]) -> list[str]:
    files = sorted(place.iterdir())
    unexpected += [str(one.relative_to(folder)) for one in files if not one.is_file()]
    return [one.name.removesuffix(".json") for one in files if one.is_file()]


def side_file(folder: Path, name: str) -> Any:
    """A gzipped JSON file beside an archive, as ``json.Decoder`` takes it."""
    return json.loads(gzip.decompress((folder / name).read_bytes()))


def is_valid_location(bucket: Path) -> bool:
    """Velero's location check: the folders directly below the prefix."""
    return {one.name for one in bucket.iterdir() if one.is_dir()} <= TOP_LEVEL
