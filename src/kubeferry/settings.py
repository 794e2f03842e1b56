"""What the administrator of a controller decides, as opposed to what a task asks for.

Settings come from the controller's environment (``KUBEFERRY_...``) or its flags; ``from_environ``
is the one place that knows the names. They are never part of a task, so that who may write a task
cannot widen them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

from kubeferry.durations import parse_duration
from kubeferry.errors import ConfigError
from kubeferry.memory import Allowance, allowance

REMOTE_PROVIDERS = ("aws", "alibabacloud")
"""Those that have an endpoint."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The controller's settings; durations in seconds.

    Attributes:
        namespace: where our custom resources, ConfigMaps and Secrets live.
        local_root: the directory below which ``provider: local`` keeps vaults; None refuses them.
        endpoints: provider to the endpoint that replaces its own (a private cloud, a test server).
        allowed_endpoints: endpoints a vault may name beside ``https://`` ones: scheme, host, port.
        sync_period: how often a vault whose ``backupSyncPeriod`` is ``0s`` or unset is looked at.
        spool_dir: where restores keep their spool; None is the system's temporary directory.
        spool_limit: bytes that one restore's spool may take; None: what its file system has free.
        max_tasks: how many backups and restores run at once in one controller.
        memory: bytes that the process may use; None: what its control group allows, else any.
        cluster_name: what people call this cluster; empty: by its kubeconfig or its uid.
        fallback_storage_class: what a restored claim gets whose storage class is missing.
        fallback_shared_storage_class: the same of claims that several nodes mount.
        unguarded_modifiers: whether modifiers are used where servers cannot guard them.
        protected_fields: what modifiers must not change beside what they never may:
            ``<groupResource>:<JSON pointer>``, a ``*`` in the former as a modifier has it.
    """

    namespace: str = "csdr"
    local_root: Path | None = None
    endpoints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allowed_endpoints: tuple[str, ...] = ()
    sync_period: float = 60.0
    spool_dir: Path | None = None
    spool_limit: int | None = None
    max_tasks: int = 4
    memory: int | None = None
    cluster_name: str = ""
    fallback_storage_class: str = ""
    fallback_shared_storage_class: str = ""
    unguarded_modifiers: bool = False
    protected_fields: tuple[str, ...] = ()

    @property
    def allowance(self) -> Allowance:
        """What may be held in memory at once."""
        return allowance(self.memory)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads ``KUBEFERRY_*``; raises ``ConfigError`` for a name it does not know or a bad value.

        ``KUBEFERRY_ENDPOINT_ALIBABACLOUD=http://127.0.0.1:7070`` redirects that provider;
        ``KUBEFERRY_ALLOWED_ENDPOINTS`` is a comma-separated list.
        """
        values: dict[str, object] = {}
        endpoints: dict[str, str] = {}
        known = {one.name for one in fields(cls)} - {"endpoints"}
        links = service_links(environ)
        for key, text in environ.items():
            if not key.startswith(_PREFIX) or not text or key in links:
                continue
            name = key.removeprefix(_PREFIX).lower()
            if name.startswith("endpoint_"):
                provider = name.removeprefix("endpoint_")
                if provider not in REMOTE_PROVIDERS:
                    raise ConfigError(
                        f"no provider called {provider!r} has an endpoint",
                        place=key,
                        remedy=f"one of {', '.join(REMOTE_PROVIDERS)}",
                    )
                endpoints[provider] = text
            elif name in known:
                values[name] = _value(name, text, place=key)
            else:
                raise ConfigError("no such setting", place=key)
        return cls(endpoints=MappingProxyType(endpoints), **values)  # type: ignore[arg-type]


_PREFIX = "KUBEFERRY_"
_HOST = "_SERVICE_HOST"
_LINK = re.compile(rf"{_HOST}|_SERVICE_PORT(_\w+)?|_PORT(_\d+_\w+)?")


def service_links(environ: Mapping[str, str]) -> set[str]:
    """What Kubernetes puts into a pod's environment for Services whose names begin like ours.

    Of a Service it always tells the host: a name of that form without one is a misspelt setting.
    """
    services = [key.removesuffix(_HOST) for key in environ if key.endswith(_HOST)]
    return {
        key
        for key in environ
        if key.startswith(_PREFIX)
        and any(key.startswith(one) and _LINK.fullmatch(key, len(one)) for one in services)
    }


_SIZE = re.compile(r"(?P<number>[0-9]{1,18})(?P<unit>[KMGT]i|[kMGT])?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
    "Ti": 1 << 40,
}


def read_size(text: str, *, place: str) -> int:
    """A size such as ``20Gi`` in bytes. Raises ``ConfigError``."""
    size = _SIZE.fullmatch(text)
    if size is None:
        remedy = "bytes, or with Ki, Mi, Gi, Ti: 20Gi"
        raise ConfigError(f"{text!r} is no size", place=place, remedy=remedy)
    return int(size["number"]) * _UNITS[size["unit"] or ""]


_PROTECTED = re.compile(r"[a-z0-9.*-]+:(/[^/]*)+")


def _protected_fields(text: str, place: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in named:
        if _PROTECTED.fullmatch(one) is None:
            raise ConfigError(
                f"{one!r} names no field",
                place=place,
                remedy="write <groupResource>:<JSON pointer>: deployments.apps:/spec/replicas",
            )
    return named


def _value(name: str, text: str, *, place: str) -> object:
    if name in ("local_root", "spool_dir"):
        path = Path(text)
        if not path.is_absolute():
            raise ConfigError(f"{text!r} is no absolute path", place=place)
        return path
    if name == "allowed_endpoints":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name in ("spool_limit", "memory"):
        return read_size(text, place=place)
    if name == "protected_fields":
        return _protected_fields(text, place)
    if name == "unguarded_modifiers":
        if text not in ("true", "false"):
            raise ConfigError(f"{text!r} is neither true nor false", place=place)
        return text == "true"
    if name == "max_tasks":
        if not text.isdecimal() or int(text) < 1:
            raise ConfigError(f"{text!r} is no positive number", place=place)
        return int(text)
    if name == "sync_period":
        try:
            return parse_duration(text)
        except ValueError as error:
            raise ConfigError(str(error), place=place, remedy="for example 1m") from error
    return text
