"""A plan's file: what ``restore plan --out`` writes and ``restore create --plan`` follows.

It holds the restore's manifest with the digest of its plan, and what the plan comes to for who
reviews it: no object and no value of a Secret.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from kubeferry import codec
from kubeferry.api.metadata import manifest, read
from kubeferry.api.restore import ApplicationRestore, PlanDigest
from kubeferry.errors import ConfigError, InvalidInput
from kubeferry.kube.objects import Object

FORMAT = 1
_REMEDY = "make one: restore plan --out plan.json"


def write_plan(
    path: Path,
    restore: ApplicationRestore,
    digest: PlanDigest,
    *,
    title: str,
    summary: Mapping[str, Any],
) -> None:
    """Writes the file; ``title`` says of what into what. Raises ``ConfigError``."""
    body = manifest(replace(restore, spec=replace(restore.spec, plan_digest=digest)))
    body.pop("status", None)
    plan = {"planFormat": FORMAT, "plan": title, "restore": body, "summary": summary}
    try:
        path.write_bytes(codec.encode_pretty(plan))
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", place=str(path)) from error


def read_plan(path: Path) -> Object:
    """The restore's manifest of a plan's file. Raises ``InvalidInput`` for what is none."""
    place = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=place) from error
    try:
        plan = codec.decode(data)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"is no JSON: {error}", place=place, remedy=_REMEDY) from error
    if not isinstance(plan, dict) or plan.get("planFormat") != FORMAT:
        raise InvalidInput("is no plan of this version", place=place, remedy=_REMEDY)
    body = plan.get("restore")
    if not isinstance(body, dict):
        raise InvalidInput("holds no restore", place=place, remedy=_REMEDY)
    try:
        restore = read(body, ApplicationRestore)
    except InvalidInput as error:
        raise InvalidInput(
            error.problem, place=f"{place}: {error.place}", remedy=error.remedy
        ) from error
    if restore.spec.plan_digest is None:
        raise InvalidInput("holds no plan's digest", place=place, remedy=_REMEDY)
    return body
