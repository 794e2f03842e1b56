"""A backup in any bucket is planned by the bucket's URL, with nothing installed anywhere."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubeferry.cli.main import root
from kubeferry.vault.metadata import BackupFacts, backup_document
from tests.s3server import S3Server

pytestmark = pytest.mark.s3

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx-backup.tar.gz"


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    """A bucket with a backup below a prefix, as Velero leaves one."""
    folder = s3.make_bucket("planned") / "teams" / "blue" / "backups" / "nginx-backup"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE, folder)
    (folder / "velero-backup.json").write_bytes(backup_document(BackupFacts(name="nginx-backup")))
    return "planned"


def planned(s3: S3Server, url: str, *words: str, secret: str | None = None) -> Result:
    environ = {
        "KUBECONFIG": "/nowhere",
        "AWS_ACCESS_KEY_ID": s3.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret or s3.credentials.secret_access_key,
        "KUBEFERRY_ALLOWED_ENDPOINTS": s3.endpoint,
        "KUBEFERRY_ENDPOINT_ALIBABACLOUD": s3.endpoint,
    }
    told = ["restore", "plan", "--vault", url, "--target-api", str(API), *words]
    return CliRunner().invoke(root, told, prog_name="kubeferry", env=environ)


API = Path(__file__).parents[2] / "src" / "kubeferry" / "kube" / "data" / "kubernetes.json"


@pytest.mark.parametrize("scheme", ["s3", "oss"])
def test_a_backup_is_planned_by_its_buckets_url(s3: S3Server, bucket: str, scheme: str) -> None:
    endpoint = f"&endpoint={s3.endpoint}" if scheme == "s3" else ""
    url = f"{scheme}://{bucket}/teams/blue?region=cn-beijing{endpoint}"
    done = planned(s3, url, "--backup", "nginx-backup", "-o", "json")
    assert done.exit_code == 0, done.output
    *items, summary = map(json.loads, done.stdout.splitlines())
    assert summary["objects"] == len(items) == 12
    assert s3.credentials.secret_access_key not in done.output


def test_a_wrong_key_is_told(s3: S3Server, bucket: str) -> None:
    url = f"s3://{bucket}/teams/blue?region=cn-beijing&endpoint={s3.endpoint}"
    done = planned(s3, url, "--backup", "nginx-backup", secret="wrong")
    assert done.exit_code == 5
    assert "SignatureDoesNotMatch" in done.stderr


def test_a_backup_that_is_not_there_is_told(s3: S3Server, bucket: str) -> None:
    url = f"s3://{bucket}/teams/blue?region=cn-beijing&endpoint={s3.endpoint}"
    done = planned(s3, url, "--backup", "nginx-backup-2")
    assert done.exit_code == 5, done.output
    assert "nginx-backup-2" in done.stderr
