"""The keys of a vault, relative to bucket and prefix, as Velero lays them out (velero.md §1.2,
§1.3). Pure.

Directly below the prefix only the names of ``TOP_LEVEL`` may exist: with any other Velero calls the
vault unavailable. ``check_key`` guards each write.
"""

from typing import Literal

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_subdomain

TOP_LEVEL = frozenset({"backups", "restores", "restic", "metadata", "plugins", "kopia"})
"""What may stand directly below the prefix (velero.md §1.3)."""

BACKUPS = "backups/"
RESTORES = "restores/"
VAULT_METADATA = "metadata/kubeferry-vault.json"
"""What the vault was first created with, and its clusters."""
PROBES = "metadata/kubeferry-probe-"
"""Begins the keys that are written and deleted again to see whether the vault works."""


def backup_folder(name: str) -> str:
    """The folder of a backup, with its final slash."""
    return f"{BACKUPS}{name}/"


def backup_file(name: str, kind: str) -> str:
    """One file of a backup: ``tar.gz``, ``logs.gz``, ``results.gz``, ``resource-list.json.gz`` ...

    The archive's name has a dot before its kind, every other file's a hyphen.
    """
    return f"{backup_folder(name)}{name}{'.' if kind == 'tar.gz' else '-'}{kind}"


def archive(name: str) -> str:
    """The archive itself: ``backups/<name>/<name>.tar.gz``."""
    return backup_file(name, "tar.gz")


def backup_metadata(name: str) -> str:
    """``velero-backup.json``, the commit mark: without it there is no backup."""
    return f"{backup_folder(name)}velero-backup.json"


def checksums(name: str) -> str:
    """SHA-256 of every other file of the backup but the signature."""
    return backup_file(name, "checksums.json")


def signature(name: str) -> str:
    """The HMAC of the checksum file, where the vault has a key."""
    return backup_file(name, "checksums.hmac")


def backup_claim(name: str) -> str:
    """Who is writing the backup; gone once it is committed."""
    return backup_file(name, "claim.json")


def restore_folder(folder: str) -> str:
    """The folder of a restore, with its final slash."""
    return f"{RESTORES}{folder}/"


def restore_file(folder: str, kind: str) -> str:
    """One file of a restore: ``results.gz``, ``logs.gz``, ``resource-list.json.gz``."""
    return f"{restore_folder(folder)}restore-{folder}-{kind}"


Lines = Literal["items", "replaced"]
"""A restore's files of JSON lines: a line for each object (design.md, The flow); a copy of each
that it deletes.
"""


def restore_items_prefix(folder: str, lines: Lines = "items") -> str:
    """Begins the keys of a restore's item files."""
    return f"{restore_folder(folder)}{folder}-{lines}-"


def restore_items(folder: str, number: int, lines: Lines = "items") -> str:
    """The item file of a number, from 1."""
    return f"{restore_items_prefix(folder, lines)}{number:06}.jsonl.gz"


def restore_owner(folder: str) -> str:
    """Whose restore the folder belongs to."""
    return f"{restore_folder(folder)}{folder}-owner.json"


def check_name(name: str, *, place: str = "metadata.name") -> str:
    """The name if it can name a backup or restore in a vault. Raises ``InvalidInput``."""
    if not is_name(name):
        raise InvalidInput(
            f"{name!r} cannot name a folder of a vault",
            place=place,
            remedy="lower-case letters, digits, '-' and '.', at most 253 characters",
        )
    return name


def check_key(key: str) -> str:
    """The key if it may be written. Raises ``InvalidInput``."""
    parts = key.split("/")
    if len(parts) < 2 or parts[0] not in TOP_LEVEL:
        raise InvalidInput(f"{key!r} is outside the folders of a vault", place="vault")
    if any(part in ("", ".", "..") for part in parts) or "\\" in key:
        raise InvalidInput(f"{key!r} is no plain path", place="vault")
    return key


def is_name(name: str) -> bool:
    """Whether it can name a backup or restore."""
    return is_dns_subdomain(name)
