"""A real S3 server, versitygw, in a process of its own, storing into a directory."""

import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location
from tests.processes import Server, StartFailed, free_ports

_BUILD = Path(__file__).parent.parent / "hack" / "build.sh"
_READY_SECONDS = 20.0


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: ``http://127.0.0.1:<port>``.
        folder: where buckets are directories; a bucket is made by making one.
    """

    endpoint: str
    folder: Path
    credentials: Credentials

    def make_bucket(self, name: str) -> Path:
        """A bucket's directory, for looking behind the server."""
        path = self.folder / name
        path.mkdir()
        return path

    def settings(self) -> Settings:
        """Settings that redirect both S3 providers here, so that manifests need no endpoint."""
        return Settings(endpoints={"aws": self.endpoint, "alibabacloud": self.endpoint})

    def location(self, bucket: str, prefix: str = "subpath") -> Location:
        """The seed's vault, in a bucket of this server."""
        return Location(
            name="vault", provider="alibabacloud", bucket=bucket, prefix=prefix, region="cn-beijing"
        )


def program() -> Path:
    """The server's program, built once. Raises ``StartFailed``."""
    built = subprocess.run([_BUILD, "s3"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise StartFailed(f"versitygw cannot be built\n{built.stderr}")
    return Path(built.stdout.strip()) / "versitygw"


@contextmanager
def running(folder: Path, *, region: str = "cn-beijing") -> Iterator[S3Server]:
    """A server on a free port of 127.0.0.1 that ends with the context; it serves one region."""
    [port] = free_ports(1)
    data = folder / "buckets"
    data.mkdir(parents=True)
    credentials = Credentials("test-key", secrets.token_hex(16))
    server = Server(
        [
            program(),
            *("--access", credentials.access_key_id),
            *("--secret", credentials.secret_access_key),
            *("--region", region, "--port", f"127.0.0.1:{port}", "--quiet"),
            *("posix", data),
        ],
        log=folder / "versitygw.log",
    )
    try:
        server.wait_until(lambda: _answers(port), seconds=_READY_SECONDS)
        yield S3Server(f"http://127.0.0.1:{port}", data, credentials)
    finally:
        server.stop()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
