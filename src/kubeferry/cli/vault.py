"""``kubeferry vault``: register a vault, look at it, remove its registration."""

from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import Command, connection_options, flags
from kubeferry.cli.key import key
from kubeferry.cli.options import create_options, duration_text, get_options, name_argument

if TYPE_CHECKING:
    from kubeferry.api.location import BackupLocation


@click.group(no_args_is_help=True)
def vault() -> None:
    """Where backups are kept: register, look, remove.

    A vault is object storage that holds backups; clusters share it. Registering one makes its
    backups appear in the cluster.
    """


vault.add_command(key)


@vault.command(
    cls=Command,
    examples=(
        "vault create vault --provider alibabacloud --bucket cnfs-oss-test --region cn-beijing",
        "vault create minio --provider aws --bucket backups --endpoint https://minio.example.com",
        "vault create disk --provider local --bucket backups --wait",
    ),
)
@click.argument("name", required=False)
@click.option(
    "--provider",
    type=click.Choice(["alibabacloud", "aws", "local"]),
    help="OSS, any S3 storage, or a directory of the controller.",
)
@click.option("--bucket", metavar="NAME", help="The bucket; for local a directory's name.")
@click.option("--prefix", metavar="PATH", help="A folder in the bucket.")
@click.option("--region", metavar="REGION", help="The bucket's region; OSS needs it.")
@click.option(
    "--network",
    type=click.Choice(["internal", "public", "accelerate"]),
    help="Which of OSS' endpoints: public where the bucket is in another region.",
)
@click.option("--endpoint", metavar="URL", help="The storage's own URL, in place of the region's.")
@click.option(
    "--server-side-encryption",
    type=click.Choice(["AES256", "aws:kms", "KMS"]),
    help="How the storage is to encrypt: aws:kms with aws, KMS with alibabacloud.",
)
@click.option("--kms-key-id", metavar="KEY", help="The key service's key, not its default one.")
@click.option(
    "--sync-period",
    metavar="DURATION",
    callback=duration_text,
    help="How often backups in it are looked for.",
)
@create_options
def create(
    name: str | None,
    file: str | None,
    wait: bool,
    timeout: float | None,
    dry_run: Any,
    output: str,
    **spec: str | None,
) -> None:
    """Register a vault, and with --wait see whether it can be used (exit code 5 if not)."""
    import asyncio

    from kubeferry.api.location import BackupLocation
    from kubeferry.cli import creating, waiting
    from kubeferry.controller.resources import LOCATIONS

    creation = creating.Creation(LOCATIONS, BackupLocation, waiting.wait_for_vault)
    asyncio.run(
        creating.run(
            creation,
            flags(),
            file=file,
            name=name,
            options=spec,
            build=lambda said: build(said, spec),
            ending=creating.Ending(dry_run, output, wait, timeout),
        )
    )


def build(name: str, options: dict[str, str | None]) -> "BackupLocation":
    """The resource of the options. Raises ``click.UsageError`` for one that is missing."""
    from kubeferry.api.location import BackupLocation
    from kubeferry.cli.creating import checked, required
    from kubeferry.controller.location import SHORTEST_PERIOD
    from kubeferry.durations import read_duration

    if options["sync_period"] is not None:
        period = options["sync_period"]
        read_duration(period, place="--sync-period", at_least=SHORTEST_PERIOD, zero=True)
    storage = {"bucket": required(options, "bucket"), "prefix": options["prefix"]}
    config = {key: options[key] for key in ("region", "network", "endpoint")}
    config["serverSideEncryption"] = options["server_side_encryption"]
    config["kmsKeyId"] = options["kms_key_id"]
    return checked(
        BackupLocation,
        name,
        {
            "provider": required(options, "provider"),
            "objectStorage": storage,
            "config": config,
            "backupSyncPeriod": options["sync_period"],
        },
    )


@vault.command(cls=Command, examples=("vault get", "vault get -o wide --watch"))
@get_options("LOCATIONS")
def get(names: tuple[str, ...], output: str, watch: bool, headers: bool) -> None:
    """List vaults, and whether they can be used."""
    import asyncio

    from kubeferry.api.definition import Column
    from kubeferry.api.location import DEFINITION
    from kubeferry.cli import listing
    from kubeferry.controller.resources import LOCATIONS

    more = (
        Column("Provider", ".spec.provider", wide=True),
        Column("Bucket", ".spec.objectStorage.bucket", wide=True),
        Column("Prefix", ".spec.objectStorage.prefix", wide=True),
        Column("Message", ".status.message", wide=True),
    )
    asyncio.run(
        listing.run(
            flags(),
            names,
            listing.listing(DEFINITION, LOCATIONS, more, output=output, headers=headers),
            watching=watch,
        )
    )


@vault.command(cls=Command, examples=("vault describe vault",))
@name_argument("LOCATIONS")
@connection_options
def describe(name: str) -> None:
    """Show a vault: where it is, whether it can be used, and if not why."""
    import asyncio

    from kubeferry.cli import describing

    asyncio.run(describing.vault(flags(), name))


@vault.command(cls=Command, examples=("vault delete vault",))
@name_argument("LOCATIONS")
@connection_options
def delete(name: str) -> None:
    """Remove a vault's registration; what is stored in it stays, and so do its backups here."""
    import asyncio

    from kubeferry.cli import creating

    asyncio.run(creating.unregister(flags(), name))
