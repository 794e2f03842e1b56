import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from kubeferry.local.cluster import LocalCluster, local_cluster
from kubeferry.settings import Settings
from tests.e2e.machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The clusters live in a thread of their own: commands bring their own event loops."""
    folder = tmp_path_factory.mktemp("machine")
    settings = Settings(local_root=folder / "vaults", sync_period=1.0)
    loop = asyncio.new_event_loop()
    ready: list[dict[str, LocalCluster]] = []
    failed: list[BaseException] = []
    up, down = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            clusters = {
                name: await stack.enter_async_context(
                    local_cluster(name, folder=folder, settings=settings, workloads=True)
                )
                for name in ("backup", "restore")
            }
            ready.append(clusters)
            up.set()
            await down.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="clusters")
    thread.start()
    assert up.wait(30)
    if not ready:
        thread.join()
        raise failed[0]
    try:
        yield Machine(folder, ready[0], loop)
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(30)
        loop.close()
    assert not failed, failed
