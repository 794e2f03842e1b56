"""Opens a vault: where its storage is and how it is spoken to, by provider.

``local`` is a directory below the root that the controller's configuration names. ``aws`` is any
S3-compatible server. ``alibabacloud`` is OSS through its S3-compatible endpoint (ecosystem.md §5):
the bucket is in the host name, a key is created atomically by ``x-oss-forbid-overwrite`` because
OSS answers 501 to conditional puts, several keys are never deleted in one request, and no checksum
trailers are sent. No real OSS bucket was reached when this was written: it follows OSS'
documentation and reports of users.

A setting of the controller redirects a provider to another endpoint, which is then spoken to as
plain S3. Nothing is taken from the environment: neither credentials nor endpoints.
"""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from kubeferry.errors import InvalidInput, VaultUnavailable
from kubeferry.memory import Allowance
from kubeferry.settings import Settings
from kubeferry.vault.documents import quoted
from kubeferry.vault.endpoints import Endpoint, check_allowed, parse_endpoint
from kubeferry.vault.keys import NO_KEY, Trust
from kubeferry.vault.parts import Target
from kubeferry.vault.places import check_bucket, check_region, normal_prefix
from kubeferry.vault.signing import Signer
from kubeferry.vault.store import Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential

Provider = Literal["local", "aws", "alibabacloud"]
Network = Literal["internal", "public", "accelerate"]
Encryption = Literal["", "AES256", "aws:kms", "KMS"]

_ENCRYPTIONS: Mapping[Provider, tuple[Encryption, ...]] = {
    "local": (),
    "aws": ("AES256", "aws:kms"),
    "alibabacloud": ("AES256", "KMS"),
}
_LISTS = 4
"""How many times what is under way of a restore its lists of volumes may take: they come before."""
_OTHER_REGION = (
    "the internal network reaches only buckets of the cluster's own region: a vault in another "
    "region needs network: public"
)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a vault is, and how what is put there is encrypted; see ``BackupLocation``."""

    name: str
    provider: Provider
    bucket: str
    prefix: str = ""
    region: str = ""
    network: Network = "internal"
    endpoint: str = ""
    encryption: Encryption = ""
    kms_key_id: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key. Its secrets do not show when it is printed."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``first`` is what an endpoint has that never answered, before it is given up."""

    connect: float = 5.0
    first: float = 10.0
    request: float = 120.0
    retry: float = 60.0


@dataclass(frozen=True, slots=True)
class S3Address:
    """How an S3-compatible storage is addressed.

    Attributes:
        endpoint: the server; with ``is_virtual_hosted`` the bucket is in its host.
        is_oss: Alibaba OSS itself, with what it needs beyond S3.
        remedy: what to do when it does not answer.
    """

    endpoint: Endpoint
    bucket: str
    region: str
    is_virtual_hosted: bool = False
    is_oss: bool = False
    remedy: str = ""


def open_store(
    location: Location,
    *,
    credentials: Credentials | None,
    settings: Settings,
    timeouts: Timeouts | None = None,
    trust: Trust = NO_KEY,
) -> Store:
    """The vault's storage; it is not contacted yet, ``Store.probe`` does that.

    Raises ``InvalidInput`` for what a location may not be, ``VaultUnavailable`` when a local
    directory cannot be made.
    """
    prefix = normal_prefix(location.prefix)
    check_encryption(location)
    if location.provider == "local":
        return _open_local(
            location, prefix, root=settings.local_root, allowance=settings.allowance, trust=trust
        )
    address = s3_address(location, settings=settings)
    if credentials is None:
        raise InvalidInput(
            "there are no credentials for it",
            place=f"vault {location.name}",
            remedy="put them into the Secret cloud-credentials or alibaba-addon-secret",
        )
    return _open_s3(
        address,
        prefix,
        location=location,
        credentials=credentials,
        timeouts=timeouts or Timeouts(),
        allowance=settings.allowance,
        trust=trust,
    )


def check_encryption(location: Location) -> None:
    """Raises ``InvalidInput`` for an encryption that the provider does not know."""
    place = f"vault {location.name}: config.serverSideEncryption"
    known = _ENCRYPTIONS[location.provider]
    if location.encryption and location.encryption not in known:
        raise InvalidInput(
            f"{location.encryption!r} is none that {location.provider} knows",
            place=place,
            remedy=f"write {' or '.join(known)}" if known else "leave it out",
        )
    if location.kms_key_id and location.encryption in ("", "AES256"):
        raise InvalidInput(
            "config.kmsKeyId names a key that this does not use",
            place=place,
            remedy="write aws:kms, with alibabacloud KMS; or leave config.kmsKeyId out",
        )


def s3_address(location: Location, *, settings: Settings) -> S3Address:
    """Endpoint and manner of a provider that is spoken to as S3. Raises ``InvalidInput``."""
    place = f"vault {location.name}: config.endpoint"
    bucket = check_bucket(location.bucket)
    region = check_region(location.region)
    redirect = settings.endpoints.get(location.provider)
    if redirect:
        endpoint = parse_endpoint(redirect, place=f"endpoint of {location.provider}")
        return S3Address(endpoint, bucket, region or "us-east-1")
    custom = None
    if location.endpoint:
        custom = parse_endpoint(location.endpoint, place=place)
        check_allowed(custom, allowed=settings.allowed_endpoints, place=place)
    if location.provider == "alibabacloud":
        return _oss_address(location, bucket, region, custom)
    if custom is None and not region:
        raise InvalidInput(
            "neither region nor endpoint is given", place=f"vault {location.name}: config"
        )
    if custom is None:
        zone = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        custom = Endpoint("https", f"s3.{region}.{zone}", 443)
    return S3Address(custom, bucket, region or "us-east-1")


def _oss_address(
    location: Location, bucket: str, region: str, custom: Endpoint | None
) -> S3Address:
    if not region:
        raise InvalidInput("no region is given", place=f"vault {location.name}: config.region")
    if "." in bucket:
        raise InvalidInput(
            f"{bucket!r} cannot name an OSS bucket", place=f"vault {location.name}: bucket"
        )
    remedy = ""
    if custom is None:
        hosts = {
            "internal": f"oss-{region}-internal",
            "public": f"oss-{region}",
            "accelerate": "oss-accelerate",
        }
        custom = Endpoint("https", f"{hosts[location.network]}.aliyuncs.com", 443)
        remedy = _OTHER_REGION if location.network == "internal" else ""
    is_virtual = custom.address is None
    if is_virtual and not custom.host.startswith(f"{bucket}."):
        custom = custom.below(bucket)
    return S3Address(
        custom, bucket, region, is_virtual_hosted=is_virtual, is_oss=True, remedy=remedy
    )


def _open_local(
    location: Location, prefix: str, *, root: Path | None, allowance: Allowance, trust: Trust
) -> Store:
    if root is None:
        raise InvalidInput(
            "provider local is not allowed here",
            place=f"vault {location.name}",
            remedy="the administrator allows it by KUBEFERRY_LOCAL_ROOT, a directory for vaults",
        )
    top = root.resolve()
    path = top.joinpath(check_bucket(location.bucket), *prefix.split("/"))
    if not path.resolve().is_relative_to(top):
        raise InvalidInput(
            f"{location.bucket}/{prefix} leads out of the directory for vaults",
            place=f"vault {location.name}",
        )
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        backend = LocalStore(path, automatic_cleanup=True)
    except (OSError, BaseError) as error:
        reason = error.strerror if isinstance(error, OSError) else ""
        raise VaultUnavailable(
            f"the directory cannot be used: {reason or 'it is no directory'}", place=str(path)
        ) from error
    return Store(
        backend,
        url=str(path),
        creation="conditional",
        guard=_inside(path),
        held_bytes=_LISTS * allowance.objects,
        trust=trust,
    )


def open_directory(path: Path) -> Store:
    """A directory of this machine that a person names, for reading. What links in it lead to is
    the person's own affair.

    Raises ``VaultUnavailable`` when it is none.
    """
    try:
        backend = LocalStore(path)
    except BaseError as error:
        raise VaultUnavailable("it is no directory", place=str(path)) from error
    return Store(backend, url=str(path), creation="checked")


def _inside(directory: Path) -> Callable[[str], None]:
    """Refuses keys that a symbolic link in the vault leads out of it, and what is no file: a vault
    is not trusted, and reading a pipe would never end.
    """

    def guard(key: str) -> None:
        found = os.path.realpath(directory / key)
        if found != str(directory) and not found.startswith(f"{directory}{os.sep}"):
            raise VaultUnavailable(f"{quoted(key)} leads out of the vault", place=str(directory))
        try:
            mode = os.stat(found).st_mode
        except OSError:
            return  # not there yet, or the storage will say what is wrong
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise VaultUnavailable(f"{quoted(key)} is no file", place=str(directory))

    return guard


def _open_s3(
    address: S3Address,
    prefix: str,
    *,
    location: Location,
    credentials: Credentials,
    timeouts: Timeouts,
    allowance: Allowance,
    trust: Trust,
) -> Store:
    key: S3Credential = {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "token": credentials.session_token or None,
        "expires_at": None,
    }
    config: S3Config = {
        # Named so, it beats what the environment may say.
        "aws_endpoint_url_s3": str(address.endpoint),
        "region": address.region,
        "virtual_hosted_style_request": address.is_virtual_hosted,
        "conditional_put": "disabled" if address.is_oss else "etag",
        "disable_bulk_delete": True,
        "skip_signature": False,
        "unsigned_payload": False,
    }
    encryption = _oss_encryption(location) if address.is_oss else {}
    if location.encryption and not address.is_oss:
        # Sent with what begins an upload, and with nothing else: S3 refuses it elsewhere.
        config["server_side_encryption"] = (
            "AES256" if location.encryption == "AES256" else "aws:kms"
        )
    if location.kms_key_id and not address.is_oss:
        config["sse_kms_key_id"] = location.kms_key_id

    def backend(*, request: float, retry: float, headers: dict[str, str]) -> S3Store:
        client: ClientConfig = {
            "allow_http": address.endpoint.scheme == "http",
            "connect_timeout": timedelta(seconds=timeouts.connect),
            # A download may take as long as it goes on: what is bounded is each wait.
            "timeout": timedelta(seconds=request) if request < timeouts.request else _NO_TIMEOUT,
            "read_timeout": timedelta(seconds=request),
            "default_headers": headers,
            "user_agent": "kubeferry",
        }
        retries: RetryConfig = {"max_retries": 20, "retry_timeout": timedelta(seconds=retry)}
        return S3Store(
            address.bucket,
            prefix=prefix or None,
            config=config,
            client_options=client,
            retry_config=retries,
            credential_provider=lambda: key,
        )

    request, retry = timeouts.request, timeouts.retry
    forbid = {"x-oss-forbid-overwrite": "true", **encryption}
    whole = backend(request=request, retry=retry, headers=encryption) if encryption else None
    in_parts = _target(address, prefix, credentials, encryption, timeouts) if encryption else None
    where = f"oss://{address.bucket}" if address.is_oss else f"s3://{address.bucket}"
    return Store(
        backend(request=request, retry=retry, headers={}),
        url=f"{where}/{prefix}" if prefix else where,
        quick=backend(request=timeouts.first, retry=timeouts.first / 2, headers={}),
        creator=backend(request=request, retry=retry, headers=forbid) if address.is_oss else None,
        whole=whole,
        in_parts=in_parts,
        remedy=address.remedy,
        hidden=(credentials.secret_access_key, credentials.session_token),
        held_bytes=_LISTS * allowance.objects,
        part_bytes=allowance.part,
        parts=allowance.parts,
        trust=trust,
    )


def _oss_encryption(location: Location) -> dict[str, str]:
    """OSS' headers of encryption, which no other request may carry than what begins an upload."""
    headers = {
        "x-oss-server-side-encryption": location.encryption,
        "x-oss-server-side-encryption-key-id": location.kms_key_id,
    }
    return {name: value for name, value in headers.items() if value}


def _target(
    address: S3Address,
    prefix: str,
    credentials: Credentials,
    beginning: Mapping[str, str],
    timeouts: Timeouts,
) -> Target:
    root = str(address.endpoint)
    return Target(
        bucket=root if address.is_virtual_hosted else f"{root}/{address.bucket}",
        prefix=prefix,
        signer=Signer(
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.session_token,
            address.region,
        ),
        beginning=beginning,
        connect=timeouts.connect,
        answer=timeouts.request,
        retry=timeouts.retry,
        hidden=(credentials.secret_access_key, credentials.session_token),
    )


OBSTORES_VARIABLES = (
    "AWS_CHECKSUM_ALGORITHM",
    "AWS_SERVER_SIDE_ENCRYPTION",
    "AWS_SSE_BUCKET_KEY_ENABLED",
    "AWS_SSE_CUSTOMER_KEY_BASE64",
    "AWS_SSE_KMS_KEY_ID",
)
"""Variables that obstore obeys and nothing can overrule: a program takes them out of its
environment before it opens a vault that it writes to."""
_NO_TIMEOUT = timedelta(days=1)
