"""``kubeferry controller``."""

import click

from kubeferry.cli.command import Command, connection_options, flags


@click.command(
    cls=Command,
    examples=("controller --context backup", "controller --no-leader-election -v"),
)
@click.option(
    "--leader-election/--no-leader-election",
    "elect",
    default=True,
    help="Whether one of several controllers works; without it exactly one may run.",
)
@click.option(
    "--health-port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Answer /healthz and /readyz here.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="Lines of the log on stderr; else text on a terminal, json elsewhere.",
)
@connection_options
def controller(elect: bool, health_port: int | None, log_format: str | None) -> None:
    """Run the controller: it takes backups, does restores and keeps vaults in sync.

    It runs until SIGTERM or Ctrl-C; what it was doing is resumed by the next one. Its settings are
    the variables KUBEFERRY_NAMESPACE, _LOCAL_ROOT, _ENDPOINT_<PROVIDER>, _ALLOWED_ENDPOINTS,
    _SYNC_PERIOD, _SPOOL_DIR, _SPOOL_LIMIT, _MAX_TASKS and _MEMORY.
    """
    import asyncio
    import sys

    from kubeferry import logs
    from kubeferry.cli import serving

    given = flags()
    as_json = log_format == "json" if log_format else not sys.stderr.isatty()
    logs.configure(json_lines=as_json, level="DEBUG" if given.verbose else "INFO")
    asyncio.run(serving.serve(given, elect=elect, health_port=health_port))
