"""From an answer of the API server to the type of ``kubeferry.errors`` that says what went wrong.

The ``reason`` of the Status object decides where it has one (two different failures share 409),
else the HTTP status does. An answer that is no Status (a proxy's page) is quoted, shortened.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    ServerTimeout,
    TooManyRequests,
    Unauthorized,
)

_BY_REASON: Mapping[str, type[ApiError]] = {
    "AlreadyExists": AlreadyExists,
    "BadRequest": BadRequest,
    "Conflict": Conflict,
    "Expired": Expired,
    "Forbidden": Forbidden,
    "Gone": Expired,
    "Invalid": Invalid,
    "MethodNotAllowed": MethodNotAllowed,
    "NotFound": NotFound,
    "ServerTimeout": ServerTimeout,
    "Timeout": ServerTimeout,
    "TooManyRequests": TooManyRequests,
    "Unauthorized": Unauthorized,
}
_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
    504: ServerTimeout,
}
_REMEDIES: Mapping[type[ApiError], str] = {
    Unauthorized: "check the credentials of the kubeconfig's user (kubectl auth whoami)",
    Forbidden: "ask for a role that allows it (kubectl auth can-i)",
}
_QUOTED = 300
"""Characters of an answer that is no Status to show."""


def api_error(
    status: int, body: bytes, *, place: str = "", retry_after: float | None = None
) -> ApiError:
    """The error of an answer with ``status`` and ``body``.

    ``retry_after`` is what the header said, in seconds; without one ``retryAfterSeconds`` of the
    Status is taken. ``place`` says what was asked for: ``create configmaps default/web``.
    """
    parsed = _status(body)
    reason = _text(parsed.get("reason"))
    details = parsed.get("details")
    details = dict(details) if isinstance(details, dict) else {}
    # The token with which a list may go on is in the metadata of a 410 (see pages.py).
    metadata = parsed.get("metadata")
    if isinstance(metadata, dict) and metadata.get("continue"):
        details["continue"] = metadata["continue"]
    seconds = details.get("retryAfterSeconds")
    if retry_after is None and isinstance(seconds, int) and seconds > 0:
        retry_after = float(seconds)
    message = _text(parsed.get("message")) or _quote(body) or "no reason given"
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, ApiError)
    return kind(
        message if kind is not ApiError else f"{message} (HTTP {status})",
        place=place,
        remedy=_REMEDIES.get(kind, ""),
        status=status,
        kubernetes_reason=reason,
        details=details,
        retry_after=retry_after,
    )


def status_error(status: Mapping[str, Any], *, place: str = "") -> ApiError:
    """The error of a Status object that came inside a stream (a watch's ERROR event)."""
    code = status.get("code")
    return api_error(code if isinstance(code, int) else 500, codec.encode(status), place=place)


def retry_after_seconds(header: str | None) -> float | None:
    """The seconds of a ``Retry-After`` header; None for none or for a date, which nobody sends."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        return None


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        value = codec.decode(body)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) and value.get("kind") == "Status" else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _quote(body: bytes) -> str:
    text = " ".join(body[: 4 * _QUOTED].decode(errors="replace").split())
    return f"{text[:_QUOTED]}..." if len(text) > _QUOTED else text
