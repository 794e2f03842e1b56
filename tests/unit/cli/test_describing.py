from datetime import UTC, datetime

from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import read
from kubeferry.cli.describing import vault_fields
from kubeferry.cli.output import fields

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEAD = {
    "apiVersion": "csdr.alibabacloud.com/v1beta1",
    "metadata": {"name": "a", "namespace": "csdr"},
}


def test_a_vault_nobody_looked_at_yet() -> None:
    found = read(
        HEAD
        | {
            "kind": "BackupLocation",
            "spec": {"provider": "local", "objectStorage": {"bucket": "backups"}},
        },
        BackupLocation,
    )
    assert fields(vault_fields(found, now=NOW))[2:] == [
        "Phase:          not started",
        "Provider:       local",
        "Bucket:         backups",
        "Checked every:  5m0s",
    ]
