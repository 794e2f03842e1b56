"""Looks into a vault behind the S3 server's back: its buckets are directories."""

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any


def backup_folder(bucket: Path, name: str, prefix: str = "subpath") -> Path:
    """Where the files of a backup are."""
    return bucket / prefix / "backups" / name


def entries(folder: Path) -> dict[str, bytes]:
    """The archive's entries in their order: path to content."""
    with tarfile.open(folder / f"{folder.name}.tar.gz", "r:gz") as archive:
        found = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            assert member.isfile()
            found[member.name] = content.read()
        return found


def unpacked(path: Path) -> Any:
    """A gzipped JSON file."""
    return json.loads(gzip.decompress(path.read_bytes()))


def restore_items(
    bucket: Path, name: str, prefix: str = "subpath", *, lines: str = "items"
) -> list[dict[str, Any]]:
    """The journal of a restore: a line for each object, in the order written. Or, as
    ``replaced``, the copies of what it deleted.
    """
    folder = bucket / prefix / "restores" / name
    return [
        json.loads(line)
        for path in sorted(folder.glob(f"{name}-{lines}-*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def restore_log(bucket: Path, name: str, prefix: str = "subpath") -> str:
    """The log of a restore that has ended."""
    path = bucket / prefix / "restores" / name / f"restore-{name}-logs.gz"
    return gzip.decompress(path.read_bytes()).decode()
