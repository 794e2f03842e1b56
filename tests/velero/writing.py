"""``python -m tests.velero.writing``: writes half of a backup, says so, and waits to be killed.

It reads a JSON line: ``endpoint``, ``bucket``, ``prefix``, ``keys``, the ``name`` of the backup and
how many ``bytes`` of objects to archive; none of them can be packed.
"""

import asyncio
import json
import os
import sys

from kubeferry.clock import utc_now
from kubeferry.settings import Settings
from kubeferry.vault.locations import Credentials, Location, open_store
from kubeferry.vault.writer import Entry, open_archive

_PIECE = 1 << 20


async def _write(task: dict[str, object]) -> None:
    location = Location(
        name="judged",
        provider="aws",
        bucket=str(task["bucket"]),
        prefix=str(task["prefix"]),
        region="cn-beijing",
    )
    settings = Settings(endpoints={"aws": str(task["endpoint"])})
    store = open_store(location, credentials=Credentials(*task["keys"]), settings=settings)
    async with open_archive(store, str(task["name"]), clock=utc_now) as archive:
        for number in range(int(str(task["bytes"])) // _PIECE):
            name = f"piece-{number}"
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "half"},
                "data": {"text": os.urandom(_PIECE // 2).hex()},
            }
            archive.add(
                Entry("configmaps", "v1", "v1/ConfigMap", "half", name, json.dumps(body).encode())
            )
            await archive.flush()
        print("half is written", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_write(json.loads(sys.stdin.readline())))
