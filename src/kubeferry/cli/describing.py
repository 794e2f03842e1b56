"""``vault describe``: everything a person wants to know of one vault."""

from datetime import datetime

from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import read
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import connect
from kubeferry.cli.description import (
    Pairs,
    events,
    head,
    moment,
)
from kubeferry.cli.finding import find
from kubeferry.cli.output import emit, fields
from kubeferry.clock import utc_now
from kubeferry.controller.resources import LOCATIONS


async def vault(flags: Flags, name: str) -> None:
    """Prints what there is to know of a vault."""
    async with connect(flags) as session:
        obj = await find(session, LOCATIONS, name)
        emit(fields(vault_fields(read(obj, BackupLocation), now=utc_now())))
        await events(session, LOCATIONS, obj)


def vault_fields(found: BackupLocation, *, now: datetime) -> Pairs:
    """A vault's labels and values."""
    spec, status = found.spec, found.status
    yield from head(found.metadata, status.phase, status.message, now=now)
    yield "Provider", spec.provider
    yield "Bucket", spec.object_storage.bucket
    yield "Prefix", spec.object_storage.prefix
    yield "Region", spec.config.region
    yield "Network", spec.config.network if spec.provider == "alibabacloud" else ""
    yield "Endpoint", spec.config.endpoint
    yield "Encryption", spec.config.server_side_encryption
    yield "KMS key", spec.config.kms_key_id
    yield "Checked", moment(status.last_validation_time, now)
    yield "Checked every", spec.validation_frequency
    yield "Backups looked for", moment(status.last_sync_time, now)
    more = status.left_out_count - len(status.left_out)
    left_out = [f"{one.backup}: {one.message}" for one in status.left_out]
    yield "Backups left out", [*left_out, *([f"and {more:,} more"] if more > 0 else [])]
