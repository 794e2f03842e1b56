import asyncio
import sys
from pathlib import Path

from kubeferry.vault.store import Store
from tests.processes import free_ports
from tests.unit.vault.archives import pod, read_back, write_backup

_WRITE = """
import asyncio, secrets, sys
from pathlib import Path
from kubeferry.clock import utc_now
from kubeferry.settings import Settings
from kubeferry.vault.claim import Owner
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.writer import Entry, open_archive

async def main():
    location = Location(name="vault", provider="local", bucket="bucket")
    store = open_store(location, credentials=None, settings=Settings(local_root=Path(sys.argv[1])))
    owner = Owner("task-1", "cluster-1")
    async with open_archive(store, "b", clock=utc_now, owner=owner) as archive:
        number = 0
        while True:
            body = secrets.token_bytes(1 << 20)
            archive.add(Entry("pods", "v1", "v1/Pod", "default", f"web-{number}", body))
            await archive.flush()
            number += 1
            if number == 20:
                print("uploading", flush=True)

asyncio.run(main())
"""


async def test_a_killed_writer_leaves_nothing_that_counts(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITE, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"uploading\n"
    writer.kill()
    await writer.wait()
    assert [one.key async for one in store.list("backups/")] == ["backups/b/b-claim.json"]
    await write_backup(store, "b", [pod("web")])  # the same task, begun anew
    assert len((await read_back(store, "b"))[0]) == 1


_FAIL_AND_END = """
import asyncio, sys
from kubeferry.errors import VaultUnavailable
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location, Timeouts, open_store

async def main():
    location = Location(name="vault", provider="aws", bucket="bucket")
    settings = Settings(endpoints={"aws": sys.argv[1]})
    key, soon = Credentials("id", "secret"), Timeouts(first=0.2)
    store = open_store(location, credentials=key, settings=settings, timeouts=soon)
    try:
        await store.put("backups/b/x", b"1")
    except VaultUnavailable:
        print("unavailable")
    await store.aclose()

asyncio.run(main())
"""


async def test_a_process_that_closes_its_store_ends_well() -> None:
    [port] = free_ports(1)
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _FAIL_AND_END, f"http://127.0.0.1:{port}"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert (output, process.returncode) == (b"unavailable\n", 0)
