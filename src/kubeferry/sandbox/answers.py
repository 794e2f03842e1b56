"""What the server says when it refuses: ``Status`` objects with the real server's words.

``Refused`` carries one; the server turns it into the answer. Each function below makes the one it
is named after. A ``Cause`` is one field's part of a 422.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.kube.names import Resource


class Cause(NamedTuple):
    """One field that is wrong: a reason such as ``FieldValueInvalid``, the message, the field."""

    reason: str
    message: str
    field: str


class Refused(Exception):
    """A request that fails: the HTTP code and what the Status says."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status if self.reason else {k: v for k, v in status.items() if k != "reason"}


def _details(resource: Resource, name: str) -> dict[str, Any]:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def _quoted(resource: Resource, name: str) -> str:
    return f'{resource.group_resource} "{name}"'


def not_found(resource: Resource, name: str) -> Refused:
    """404: no object of that name."""
    return Refused(
        404,
        "NotFound",
        f"{_quoted(resource, name)} not found",
        details=_details(resource, name),
    )


def no_such_path() -> Refused:
    """404: nothing is served there."""
    return Refused(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(resource: Resource, name: str) -> Refused:
    """409: the name is taken."""
    return Refused(
        409,
        "AlreadyExists",
        f"{_quoted(resource, name)} already exists",
        details=_details(resource, name),
    )


def conflict(resource: Resource, name: str, why: str = "") -> Refused:
    """409: it changed since it was read, or a precondition does not hold."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    return Refused(
        409,
        "Conflict",
        f"Operation cannot be fulfilled on {_quoted(resource, name)}: {why}",
        details=_details(resource, name),
    )


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Refused:
    """422: fields that are wrong."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    text = lines[0] if len(lines) == 1 else "[" + ", ".join(dict.fromkeys(lines)) + "]"
    subject = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [cause._asdict() for cause in causes]
    return Refused(422, "Invalid", f'{subject} "{name}" is invalid: {text}', details=details)


def forbidden(resource: Resource, name: str, why: str, causes: Sequence[Cause] = ()) -> Refused:
    """403: admission says no."""
    details: dict[str, Any] = _details(resource, name)
    if causes:
        details["causes"] = [cause._asdict() for cause in causes]
    return Refused(
        403, "Forbidden", f"{_quoted(resource, name)} is forbidden: {why}", details=details
    )


def bad_request(message: str) -> Refused:
    """400: the request itself is wrong."""
    return Refused(400, "BadRequest", message)


def unauthorized() -> Refused:
    """401: no token, or not ours."""
    return Refused(401, "Unauthorized", "Unauthorized")


def method_not_allowed(resource: Resource) -> Refused:
    """405: the resource does not know the verb."""
    return Refused(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        details=_details(resource, ""),
    )


def expired(message: str) -> Refused:
    """410: a resourceVersion or continue token from too long ago."""
    return Refused(410, "Expired", message)


def unsupported_media_type(message: str) -> Refused:
    """415: a body in a form the server does not read."""
    return Refused(415, "UnsupportedMediaType", message)


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there is not."""
    message = f"Required value: {detail}" if detail else "Required value"
    return Cause("FieldValueRequired", message, field)


def invalid_value(field: str, value: object, detail: str) -> Cause:
    """A field's value cannot be."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def shown(value: object) -> str:
    """A value as the messages show it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return codec.encode_sorted(value).decode()
    return codec.encode(value).decode() if isinstance(value, str) else str(value)
