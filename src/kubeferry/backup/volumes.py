"""The claims and volumes of a backup, kept on disk until it is known what becomes of their data.

While volume data is not built, data that is asked for and not taken is an error for its claim:
`Completed` means complete. Every bound claim is an entry of the backup's volumeinfo.
"""

import asyncio
from typing import Any, Self

from kubeferry import codec
from kubeferry.backup import related
from kubeferry.backup.volume_facts import (
    MARK,
    Claim,
    Mount,
    Volume,
    mounts_of,
    read_claim,
    read_volume,
)
from kubeferry.backup.volume_selection import UnmetWords, VolumeSelection
from kubeferry.report import Problem, Reporter
from kubeferry.scratch import Scratch
from kubeferry.vault.commit import ListPacker, skipped_volume
from kubeferry.vault.sidefiles import NOT_ASKED, NOT_TAKEN

_claims = codec.Decoder(Claim)
_volumes = codec.Decoder(Volume)
_NAMES_CLAIMS = (b'"persistentVolumeClaim"', b'"ephemeral"')


class Volumes:
    """The claims, volumes and mounts of one backup; a context manager."""

    def __init__(self, selection: VolumeSelection, reporter: Reporter) -> None:
        self._selection = selection
        self._reporter = reporter
        self._unmet = UnmetWords(selection)
        self._rows = Scratch(
            "claims (namespace, name, volume, facts, primary key (namespace, name)) without rowid",
            "volumes (name primary key, facts) without rowid",
            "mounts (namespace, claim, mount, primary key (namespace, claim)) without rowid",
            cache=1024,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def add_claim(self, body: bytes) -> None:
        """Writes a claim down. Raises ``msgspec.DecodeError`` for what is none."""
        claim = read_claim(body)
        self._rows.execute(
            "insert or replace into claims values (?, ?, ?, ?)",
            (claim.namespace, claim.name, claim.volume, codec.encode(claim)),
        )

    def add_volume(self, body: bytes) -> None:
        """Writes a volume down. Raises ``msgspec.DecodeError`` for what is none."""
        volume = read_volume(body)
        self._rows.execute(
            "insert or replace into volumes values (?, ?)", (volume.name, codec.encode(volume))
        )

    def add_mounts(self, namespace: str, pod: bytes) -> None:
        """Writes down what a pod says of claims. Raises ``msgspec.DecodeError``."""
        if not any(mark in pod for mark in _NAMES_CLAIMS):
            return
        if MARK in pod:
            mounts = mounts_of(codec.decode(pod))
        else:
            claims = (one.target for one in related.references("pods", pod))
            mounts = {
                one.name: Mount.MOUNTED for one in claims if one.group_resource == related.CLAIMS
            }
        self._rows.add(
            "insert into mounts values (?, ?, ?) on conflict do update"
            " set mount = max(mount, excluded.mount)",
            ((namespace, claim, int(mount)) for claim, mount in mounts.items()),
        )

    def refuses(self, body: bytes) -> str:
        """Why a claim is none of those that are selected, empty if it is; for a backup of claims
        alone.

        Raises ``msgspec.DecodeError`` for what is none.
        """
        claim = read_claim(body)
        self._unmet.meet(claim, None)
        query = "select mount from mounts where namespace = ? and claim = ?"
        row = self._rows.first(query, (claim.namespace, claim.name))
        mount = Mount.NONE if row is None else Mount(row[0])
        return self._selection.refuses(claim, None, mount)

    async def packed(self) -> bytes:
        """The volumeinfo of all claims, packed; what is missing in the backup is reported, and what
        no claim has.
        """
        packer = ListPacker()
        for part in self._rows.parts(
            "select claims.facts, volumes.facts, mount from claims"
            " left join volumes on volumes.name = claims.volume"
            " left join mounts on mounts.namespace = claims.namespace"
            " and mounts.claim = claims.name order by claims.namespace, claims.name"
        ):
            for claim, volume, mount in part:
                told = self._entry(
                    _claims.decode(claim),
                    None if volume is None else _volumes.decode(volume),
                    Mount.NONE if mount is None else Mount(mount),
                )
                if told is not None:
                    packer.add(told)
            await asyncio.sleep(0)  # others have their turn
        for note in self._unmet.notes():
            self._reporter.problem(Problem("warning", "NothingSelected", note))
        return packer.finish()

    def _entry(self, claim: Claim, volume: Volume | None, mount: Mount) -> dict[str, Any] | None:
        self._unmet.meet(claim, volume)
        if not claim.is_bound:
            return None
        choice = self._selection.choose(claim, volume, mount)
        if choice.asked:
            told = f"{NOT_TAKEN}; set pvBackup.defaultPvBackup to false to do without it"
            where = f"{related.CLAIMS} {claim.namespace}/{claim.name}"
            self._reporter.problem(
                Problem("error", "VolumeDataNotTaken", told, claim.namespace, where)
            )
        return skipped_volume(
            claim=claim.name,
            namespace=claim.namespace,
            volume=claim.volume,
            reason=NOT_TAKEN if choice.asked else choice.reason or NOT_ASKED,
            reclaim_policy=volume.reclaim_policy if volume else "",
            labels=dict(volume.labels) if volume else None,
        )
