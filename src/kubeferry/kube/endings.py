"""What became of a command in a container, in three words: ended, not begun, unknown.

Whoever runs commands decides by that: what was not begun may be run again without harm, what nobody
knows may have been run.
"""

from dataclasses import dataclass
from typing import Literal

from kubeferry.errors import ApiError, ApiLost, ExecLost, ExecNotBegun, ExecTimeout, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.exec import Exec


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a command.

    Attributes:
        fate: ``unknown``: it may have been run, or be running yet.
        exit_code: of a command that ended.
        problem: why it did not end, in a sentence; without the command.
        is_passing: a command that was not begun may be begun later, if its pod is there then.
        is_late: it was run, and took too long.
    """

    fate: Literal["ended", "not begun", "unknown"]
    exit_code: int = 0
    problem: str = ""
    is_passing: bool = False
    is_late: bool = False
    stdout: bytes = b""
    stderr: bytes = b""

    def __bool__(self) -> bool:
        """Whether it ended well."""
        return self.fate == "ended" and not self.exit_code


async def run_command(client: Client, request: Exec) -> Ending:
    """Runs a command. Raises ``ApiLost`` when the API server is away; nothing was begun."""
    try:
        result = await client.exec(request)
    except ApiLost:
        raise
    except ExecLost as error:
        return Ending(
            "unknown",
            problem=f"{error.problem}; {error.remedy}",
            is_late=isinstance(error, ExecTimeout),
            stdout=error.stdout,
            stderr=error.stderr,
        )
    except (ExecNotBegun, NotFound) as error:
        return Ending("not begun", problem=f"was not run: {error.problem}", is_passing=True)
    except ApiError as error:
        reason = "" if type(error) is ApiError else f"{error.reason}: "
        if 300 <= error.status < 500:
            return Ending("not begun", problem=f"was not run: {reason}{error.problem}")
        # A runtime that cannot start it, and a gateway that waited no longer, look the same.
        problem = f"could not be run to its end: {reason}{error.problem}"
        return Ending("unknown", problem=problem)
    return Ending("ended", result.exit_code, stdout=result.stdout, stderr=result.stderr)
