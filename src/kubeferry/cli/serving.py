"""The controller as a process, stopped by SIGTERM."""

import asyncio
import os
import signal
import socket

from kubeferry import allocator
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import surroundings
from kubeferry.controller.run import run_controller
from kubeferry.vault.locations import OBSTORES_VARIABLES


async def serve(flags: Flags, *, elect: bool, health_port: int | None) -> None:
    """Runs the controller until SIGTERM (a clean end) or an error, which is raised."""
    for name in OBSTORES_VARIABLES:
        os.environ.pop(name, None)
    found = surroundings(flags)
    os.umask(0o077)  # what it writes, a local vault too, is nobody else's to read
    if found.settings.allowance.is_tight:
        allocator.give_back_early()
    work = asyncio.create_task(
        run_controller(
            config=found.cluster,
            settings=found.settings,
            credentials=found.credentials,
            identity=f"{socket.gethostname()}-{os.getpid()}",
            elect=elect,
            health_port=health_port,
        )
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise  # Ctrl-C, which the runner turns into KeyboardInterrupt
