"""A real S3 server, versitygw, in a process of its own, storing into a directory."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location
from tests.processes import Server, StartFailed, free_ports, is_open

_BUILD = Path(__file__).parent.parent / "hack" / "build.sh"
_READY_SECONDS = 20.0


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: ``http://<address>:<port>``.
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
def running(
    folder: Path,
    *,
    region: str = "cn-beijing",
    host: str = "127.0.0.1",
    port: int = 0,
    credentials: Credentials | None = None,
) -> Iterator[S3Server]:
    """A server at an address of this machine, which ends with the context; it serves one region.

    Without a port it takes a free one, without credentials it makes some.
    """
    if not port:
        [port] = free_ports(1)
    data = folder / "buckets"
    data.mkdir(parents=True, exist_ok=True)
    credentials = credentials or Credentials("test-key", secrets.token_hex(16))
    server = Server(
        [
            program(),
            *("--access", credentials.access_key_id),
            *("--secret", credentials.secret_access_key),
            *("--region", region, "--port", f"{host}:{port}", "--quiet"),
            *("posix", data),
        ],
        log=folder / "versitygw.log",
    )
    try:
        server.wait_until(lambda: is_open(host, port), seconds=_READY_SECONDS)
        yield S3Server(f"http://{host}:{port}", data, credentials)
    finally:
        server.stop()
