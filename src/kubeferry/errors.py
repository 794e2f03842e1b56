"""Every error that a person can meet, with its reason code and what to do about it.

    FerryError
    ├── InvalidInput            what a person wrote cannot be done: field, value, what is right
    │   └── InvalidModifier     a resource modifier does not parse or asks for what is refused
    ├── ConfigError             no usable kubeconfig or setting
    ├── ApiError                the API server answered with a failure
    │   ├── BadRequest 400, Forbidden 403, NotFound 404, MethodNotAllowed 405
    │   ├── AlreadyExists 409, Conflict 409, Expired 410, Invalid 422
    │   ├── TooManyRequests 429, ServerTimeout 504
    │   ├── ExecNotBegun        a command did not get through to its container, and may later
    │   ├── ExecLost            nobody knows how a command in a container ended
    │   │   └── ExecTimeout     it took too long
    │   └── ApiLost             nothing can be asked of it any more, whatever it is about
    │       ├── ApiUnreachable  it did not answer at all
    │       └── Unauthorized    401: it does not know us, or no more
    ├── VaultError              the storage refused or failed; nothing of ours is wrong
    │   ├── VaultUnavailable    cannot be reached, written or read
    │   │   └── EncryptionRefused   it cannot encrypt or decrypt with the key it is to use
    │   ├── VaultMismatch       not the vault it claims to be (another region, another bucket)
    │   ├── ObjectMissing       a key that should be there is not
    │   ├── AlreadyStored       a key that should be new is there
    │   ├── BackupExists        the name is taken
    │   └── BackupMissing       no such backup, or never finished
    ├── ArchiveError            an archive cannot be trusted or read
    │   ├── ArchiveDamaged
    │   ├── ChecksumMismatch
    │   ├── ArchiveUnsigned     no key of its vault has signed it
    │   └── ArchiveForged       its signature is wrong
    ├── PatchFailed             a patch does not fit the document it is applied to
    │   └── PatchTestFailed     its ``test`` does not hold
    ├── ModifierAborts          a modifier's rule failed that says ``onError: abort``
    ├── TaskFailed              a task ended `Failed`
    ├── TaskIncomplete          a task ended `PartiallyFailed`
    └── Interrupted             the lease was lost or the task was cancelled

What fails for one object of many is not raised but recorded against it (``report.Problem``).
"""

from typing import Any, ClassVar


class FerryError(Exception):
    """The base: a reason code for machines; for people the place, what is wrong and what to do."""

    reason: ClassVar[str] = "Error"
    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}" if self.place else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text


def first_error(group: BaseExceptionGroup[FerryError]) -> FerryError:
    """The first error of a group, such as a TaskGroup raises."""
    error: FerryError | BaseExceptionGroup[FerryError] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class InvalidInput(FerryError):
    """What a person wrote cannot be done."""

    reason = "InvalidInput"
    exit_code = 2


class InvalidModifier(InvalidInput):
    """A resource modifier does not parse, or asks for what is refused."""

    reason = "InvalidModifier"


class ConfigError(FerryError):
    """No usable kubeconfig, or a setting that cannot be."""

    reason = "InvalidConfiguration"
    exit_code = 3


class ApiError(FerryError):
    """The API server answered with a failure.

    ``status`` is the HTTP status, ``kubernetes_reason`` the ``reason`` of the Status object (may be
    empty), ``details`` its ``details`` (causes, retryAfterSeconds), ``retry_after`` the seconds
    that the server asked to wait.
    """

    reason = "ApiError"
    exit_code = 4

    def __init__(
        self,
        problem: str,
        *,
        place: str = "",
        remedy: str = "",
        status: int = 0,
        kubernetes_reason: str = "",
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(problem, place=place, remedy=remedy)
        self.status = status
        self.kubernetes_reason = kubernetes_reason
        self.details = details or {}
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: the request itself is wrong."""

    reason = "BadRequest"


class Forbidden(ApiError):
    """403: RBAC or an admission plugin says no."""

    reason = "Forbidden"


class NotFound(ApiError):
    """404: no such object or no such kind."""

    reason = "NotFound"


class MethodNotAllowed(ApiError):
    """405: this kind does not know the verb."""

    reason = "MethodNotAllowed"


class AlreadyExists(ApiError):
    """409 on a create: the name is taken.

    ``after_retry`` is set when an earlier attempt of the same create may have been carried out
    (its connection broke): the object may then be our own, which its field manager tells.
    """

    reason = "AlreadyExists"
    after_retry = False


class Conflict(ApiError):
    """409 on a write: the object changed in between."""

    reason = "Conflict"


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old."""

    reason = "Expired"


class Invalid(ApiError):
    """422: the object fails validation; ``details.causes`` names the fields."""

    reason = "Invalid"
    exit_code = 2


class TooManyRequests(ApiError):
    """429: slow down."""

    reason = "TooManyRequests"


class ServerTimeout(ApiError):
    """504 or a Status of reason ServerTimeout/Timeout: may have been done, may not."""

    reason = "ServerTimeout"


class ExecNotBegun(ApiError):
    """A command did not get through to its container: the kubelet is away, the container does not
    run. Nothing was run; another try may get through.
    """

    reason = "ExecNotBegun"


class ExecLost(ApiError):
    """The connection to a command in a container broke; it may still run.

    ``stdout`` and ``stderr`` are what it printed until then, as far as they were kept.
    """

    reason = "ExecLost"
    stdout = b""
    stderr = b""


class ExecTimeout(ExecLost):
    """A command in a container took too long; it may still run."""

    reason = "ExecTimeout"


class ApiLost(ApiError):
    """Nothing can be asked of the API server any more: no object's fault, and the task's end here.

    A task stays `InProgress` and goes on where the server is reached again.
    """


class Unauthorized(ApiLost):
    """401: the credentials are not accepted.

    A pod's token is worth nothing from the moment the pod is deleted, while its process may go on.
    """

    reason = "Unauthorized"


class ApiUnreachable(ApiLost):
    """No answer: refused, reset, timed out, or TLS that does not fit.

    ``sent`` is false when the request certainly never reached the server; ``lasting`` is true when
    trying again cannot help (a certificate that does not fit).
    """

    reason = "ApiUnreachable"
    sent = False
    lasting = False


class VaultError(FerryError):
    """The vault cannot do what is asked."""

    reason = "VaultError"
    exit_code = 5


class VaultUnavailable(VaultError):
    """The storage cannot be reached, written or read; the message is the storage's own."""

    reason = "VaultUnavailable"


class EncryptionRefused(VaultUnavailable):
    """The storage cannot encrypt or decrypt: its key service says no, or it knows no encryption."""

    reason = "EncryptionRefused"


class VaultMismatch(VaultError):
    """The vault is not the one it was registered as."""

    reason = "VaultMismatch"


class ObjectMissing(VaultError):
    """A key that should be in the vault is not."""

    reason = "ObjectMissing"


class AlreadyStored(VaultError):
    """A key that was to be created is in the vault already."""

    reason = "AlreadyStored"


class BackupExists(VaultError):
    """The backup's name is taken in the vault."""

    reason = "BackupExists"


class BackupMissing(VaultError):
    """No such backup in the vault, or one that never finished."""

    reason = "BackupMissing"


class ArchiveError(FerryError):
    """An archive cannot be trusted or read."""

    reason = "ArchiveError"
    exit_code = 6


class ArchiveDamaged(ArchiveError):
    """The archive is not what its format says: truncated, not gzip, not tar, not JSON."""

    reason = "ArchiveDamaged"


class ChecksumMismatch(ArchiveError):
    """A file of the backup differs from the checksum that was written with it."""

    reason = "ChecksumMismatch"


class ArchiveUnsigned(ArchiveError):
    """No key of its vault has signed the backup, and the vault has keys."""

    reason = "ArchiveUnsigned"


class ArchiveForged(ArchiveError):
    """The backup's signature is wrong: who wrote its checksums holds no key of the vault."""

    reason = "ArchiveForged"


class PatchFailed(FerryError):
    """A patch does not fit its document: a path that is not there, an index out of range."""

    reason = "PatchFailed"


class PatchTestFailed(PatchFailed):
    """A ``test`` of a JSON patch does not hold."""

    reason = "PatchTestFailed"


class ModifierAborts(FerryError):
    """A modifier's rule that says ``onError: abort`` failed; the restore goes no further."""

    reason = "ModifierAborts"


class TaskFailed(FerryError):
    """The task ended `Failed`: nothing more could be done."""

    reason = "TaskFailed"
    exit_code = 7


class TaskIncomplete(FerryError):
    """The task ended `PartiallyFailed`: some of it was not done."""

    reason = "TaskIncomplete"
    exit_code = 8


class Interrupted(FerryError):
    """The task stopped before its end and will be resumed."""

    reason = "Interrupted"
    exit_code = 9
