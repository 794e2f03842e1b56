"""``BackupLocation``: a vault, object storage that holds backups (ack-backup-center.md §1.1).

A vault may also be registered by an annotation of a task; ``annotated_vault`` reads that.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from kubeferry import codec
from kubeferry.api.definition import AGE, GROUP, PHASE, Column, Definition, Rule
from kubeferry.api.fields import (
    KMS_KEY_ID,
    Bucket,
    Count,
    Duration,
    ObjectName,
    Prefix,
    Region,
    Strict,
    Time,
    Tolerant,
)
from kubeferry.api.metadata import Metadata, convert
from kubeferry.errors import InvalidInput

ANNOTATION = f"{GROUP}/backuplocations"
"""The annotation that registers a vault: JSON with ``VaultAnnotation``'s fields."""

Provider = Literal["local", "aws", "alibabacloud"]
Network = Literal["internal", "public", "accelerate"]
LocationPhase = Literal["InProgress", "Available", "Unavailable"]

Endpoint = Annotated[str, Meta(max_length=512)]
Encryption = Literal["AES256", "aws:kms", "KMS"]
KmsKeyId = Annotated[str, Meta(pattern=KMS_KEY_ID, max_length=2048)]

MESSAGE_LENGTH = 1024
"""Characters of a message in a status."""
MOST_LEFT_OUT = 20
"""Backups that a status names of those that are left out."""


class LocationConfig(Strict, kw_only=True, frozen=True):
    """How the storage is reached. ``network`` and ``region`` may be corrected later."""

    region: Annotated[
        Region,
        Meta(
            description="Region of the bucket; must be the one the vault was first created with. "
            "Required for alibabacloud."
        ),
    ] = ""
    network: Annotated[
        Network,
        Meta(
            description="Which of the provider's endpoints: internal; public, where cluster and "
            "bucket are in different regions; or accelerate."
        ),
    ] = "internal"
    endpoint: Annotated[
        Endpoint,
        Meta(description="URL of the storage in place of the one that region and network give."),
    ] = ""
    server_side_encryption: Annotated[
        Encryption | None,
        Meta(
            description="How the storage is told to encrypt each upload: AES256 (with a key of its "
            "own), aws:kms (aws) or KMS (alibabacloud). Unset: as its bucket says."
        ),
    ] = None
    kms_key_id: Annotated[
        KmsKeyId,
        Meta(description="The key of the key service; unset is the storage's default key."),
    ] = ""


class ObjectStorage(Strict, kw_only=True, frozen=True):
    """Where in the storage the vault is."""

    bucket: Annotated[
        Bucket,
        Meta(description="The bucket; for local a directory below the controller's local root."),
    ]
    prefix: Annotated[
        Prefix, Meta(description="A folder in the bucket; unset is the bucket's root.")
    ] = ""


class LocationSpec(Strict, kw_only=True, frozen=True):
    """What the vault is. Only ``config.network`` and ``config.region`` can change."""

    provider: Annotated[
        Provider,
        Meta(
            description="local (a directory of the controller), aws (any S3 storage) or "
            "alibabacloud (OSS)."
        ),
    ]
    config: Annotated[LocationConfig, Meta(description=LocationConfig.__doc__)] = LocationConfig()
    object_storage: Annotated[ObjectStorage, Meta(description=ObjectStorage.__doc__)]
    backup_sync_period: Annotated[
        Duration,
        Meta(
            description="How often the backups in the vault are looked for; 0s: at once and then "
            "at the controller's default period."
        ),
    ] = "0s"
    validation_frequency: Annotated[
        Duration, Meta(description="How often it is checked that the vault can be used.")
    ] = "5m0s"


class LeftOutBackup(Tolerant, kw_only=True, frozen=True):
    """A backup in the vault that does not appear in the cluster."""

    backup: Annotated[str, Meta(description="Its name.")]
    message: Annotated[
        str,
        Meta(max_length=MESSAGE_LENGTH, description="Why: it is damaged, not signed, or forged."),
    ]


class LocationStatus(Tolerant, kw_only=True, frozen=True):
    """Whether the vault can be used."""

    phase: Annotated[
        LocationPhase | None, Meta(description="InProgress, Available or Unavailable.")
    ] = None
    message: Annotated[
        str,
        Meta(
            max_length=MESSAGE_LENGTH,
            description="Why it is Unavailable: the storage's own reason.",
        ),
    ] = ""
    observed_generation: Annotated[
        Count, Meta(description="The generation of the spec that phase and message are about.")
    ] = 0
    last_validation_time: Annotated[
        Time | None, Meta(description="When it was last written, read and deleted in.")
    ] = None
    last_sync_time: Annotated[
        Time | None, Meta(description="When its backups were last looked for.")
    ] = None
    left_out: Annotated[
        list[LeftOutBackup],
        Meta(
            max_length=MOST_LEFT_OUT,
            description="The first of the backups in it that cannot be read or trusted.",
        ),
    ] = field(default_factory=list)
    left_out_count: Annotated[Count, Meta(description="How many of those there are.")] = 0


class BackupLocation(Tolerant, kw_only=True, frozen=True):
    """A vault: object storage that holds backups and that clusters share."""

    metadata: Metadata
    spec: LocationSpec
    status: LocationStatus = LocationStatus()


DEFINITION = Definition(
    type=BackupLocation,
    plural="backuplocations",
    columns=(PHASE, Column("Last Validated", ".status.lastValidationTime", "date"), AGE),
    rules={
        "spec": (
            Rule("self.provider == oldSelf.provider", "provider cannot change"),
            Rule("self.objectStorage == oldSelf.objectStorage", "objectStorage cannot change"),
            Rule(
                "self.backupSyncPeriod == oldSelf.backupSyncPeriod",
                "backupSyncPeriod cannot change",
            ),
            Rule(
                "self.validationFrequency == oldSelf.validationFrequency",
                "validationFrequency cannot change",
            ),
            Rule(
                "self.provider == 'local' || self.provider == 'aws' || has(self.config.region)",
                "alibabacloud needs config.region",
            ),
            Rule(
                "!has(self.config.serverSideEncryption) || "
                "(self.config.serverSideEncryption == 'AES256' && self.provider != 'local') || "
                "(self.config.serverSideEncryption == 'aws:kms' && self.provider == 'aws') || "
                "(self.config.serverSideEncryption == 'KMS' && self.provider == 'alibabacloud')",
                "serverSideEncryption is AES256 or aws:kms for aws, AES256 or KMS for "
                "alibabacloud, and nothing for local",
            ),
        ),
        "spec.config": (
            Rule(
                "has(self.serverSideEncryption) == has(oldSelf.serverSideEncryption) && "
                "(!has(self.serverSideEncryption) || "
                "self.serverSideEncryption == oldSelf.serverSideEncryption)",
                "serverSideEncryption cannot change",
            ),
            Rule(
                "has(self.kmsKeyId) == has(oldSelf.kmsKeyId) && "
                "(!has(self.kmsKeyId) || self.kmsKeyId == oldSelf.kmsKeyId)",
                "kmsKeyId cannot change",
            ),
            Rule(
                "!has(self.kmsKeyId) || (has(self.serverSideEncryption) && "
                "self.serverSideEncryption != 'AES256')",
                "kmsKeyId needs serverSideEncryption: aws:kms or KMS",
            ),
            Rule(
                "has(self.endpoint) == has(oldSelf.endpoint) && "
                "(!has(self.endpoint) || self.endpoint == oldSelf.endpoint)",
                "endpoint cannot change",
            ),
        ),
    },
)


class VaultAnnotation(Strict, kw_only=True, frozen=True):
    """What the annotation on a task says; without ``network`` it means ``internal``."""

    name: ObjectName
    provider: Provider
    bucket: Bucket
    prefix: Prefix = ""
    region: Region = ""
    network: Network = "internal"
    endpoint: Endpoint = ""


def annotated_vault(metadata: Metadata) -> tuple[str, LocationSpec] | None:
    """Name and spec of the vault that a task's annotation registers; None without one.

    Raises ``InvalidInput`` when the annotation is no such JSON.
    """
    text = metadata.annotations.get(ANNOTATION)
    if text is None:
        return None
    place = f"metadata.annotations[{ANNOTATION}]"
    try:
        value = codec.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"is no JSON: {error}",
            place=place,
            remedy='write {"name":...,"region":...,"bucket":...,"prefix":...,"provider":...}',
        ) from error
    said = convert(value, VaultAnnotation, place=place)
    return said.name, LocationSpec(
        provider=said.provider,
        config=LocationConfig(region=said.region, network=said.network, endpoint=said.endpoint),
        object_storage=ObjectStorage(bucket=said.bucket, prefix=said.prefix),
    )
