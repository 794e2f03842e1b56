"""A command from the wish for its connection to its end.

The connection is tried again for as long as a request is, but only where the command certainly was
not sent on: the server could not be reached, or sent the request away. ``Exec.timeout`` begins when
there is a connection, so a server that is away for longer makes no command late.

That a command did not get through to its container, servers say in sentences only: they are read
here and nowhere else. No error says what the command was: servers repeat its words, in the URL of
the kubelet for one, and they may be a password.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from urllib.parse import quote, quote_plus

from kubeferry.errors import ApiError, ApiUnreachable, ExecLost, ExecNotBegun
from kubeferry.kube.attempts import Attempts
from kubeferry.kube.exec import MAY_RUN, Conversation, Exec, ExecResult
from kubeferry.kube.transport import Transport
from kubeferry.kube.websocket import Socket

_NO_WAY = re.compile(
    r"error (dialing backend|sending request)|unable to upgrade connection|container not found"
)
"""What the API server says that did not get through to the kubelet, or the kubelet that did not to
the container (apimachinery, pkg/util/proxy; client-go, transport/spdy)."""
_SENT_AWAY = frozenset({429, 503})
_IN_A_URL = re.compile(r"\bcommand=[^&\s\"']*")
_SHORTEST = 4
"""Characters of a word that is hidden; a text has shorter ones by itself."""


async def execute(transport: Transport, request: Exec, *, patience: float) -> ExecResult:
    """Runs a command in a container to its end.

    Raises ``ApiUnreachable`` when the API server was out of reach for ``patience`` seconds and
    nothing was sent, ``ExecNotBegun``, ``ExecTimeout`` and ``ExecLost`` when nobody knows how the
    command ended or whether it began, any other ``ApiError`` when it was refused or could not be
    run to its end (no such pod or container, not allowed, no such program).
    """
    try:
        async with aclosing(await _connected(transport, request, patience)) as socket:
            talk = Conversation(socket.messages, request)
            try:
                async with asyncio.timeout(request.timeout) as limit:
                    return await talk.run()
            except TimeoutError:
                if not limit.expired():
                    raise
                raise talk.late() from None
    except ApiError as error:
        raise _told(error, request) from None


async def _connected(transport: Transport, request: Exec, patience: float) -> Socket:
    attempts = Attempts(transport, "never", patience=patience)
    while True:
        try:
            return await transport.websocket(
                request.target,
                protocols=request.protocols,
                place=request.place,
                read_timeout=request.timeout,
            )
        except ApiError as error:
            if isinstance(error, ApiUnreachable) and error.sent:
                problem = f"it was asked for, then {error.problem}"
                raise ExecLost(problem, place=request.place, remedy=MAY_RUN) from None
            await attempts.failed(error)


def _told(error: ApiError, request: Exec) -> ApiError:
    """The error to raise: of the type that says whether the command was begun, without it."""
    is_answer = not isinstance(error, ApiUnreachable | ExecLost)
    if is_answer and (error.status in _SENT_AWAY or _NO_WAY.search(error.problem)):
        error = ExecNotBegun(
            error.problem,
            place=error.place,
            remedy=error.remedy,
            status=error.status,
            kubernetes_reason=error.kubernetes_reason,
            retry_after=error.retry_after,
        )
    error.problem = hidden(error.problem, request.command)
    error.args = (error.problem,)
    return error


def hidden(text: str, command: Sequence[str]) -> str:
    """A text without the words of a command, but for the name of its program."""
    text = _IN_A_URL.sub("command=...", text)
    for word in sorted(set(_spelled(command)), key=len, reverse=True):
        text = text.replace(word, "...")
    return text


def _spelled(command: Sequence[str]) -> Iterator[str]:
    """The words to hide, as they may be written."""
    program, *others = command
    # A whole command line given for a program's name is in the runtime's complaint.
    for word in (*others, *([program] if any(map(str.isspace, program)) else ())):
        if len(word) >= _SHORTEST:
            yield from (word, quote(word), quote(word, safe=""), quote_plus(word))
            yield word.encode("unicode_escape").decode().replace('"', '\\"')
