"""A hook as a pod's annotations ask for it, key by key (velero.md §2.9, §3.11). Pure.

An empty value is as if nothing was said. Everything that is wrong is collected: a hook that is
understood in part is not run at all.
"""

from collections.abc import Collection, Sequence
from typing import cast

import msgspec

from kubeferry import codec
from kubeferry.api.hooks import OnError
from kubeferry.kube.objects import Object, annotations
from kubeferry.transform.hook_pods import parse_seconds

ANNOTATION = "its annotations"
"""Who asked for a hook, if it was no group of a spec."""

_COMMAND = codec.Decoder(list[str])
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""What Go's ``strconv.ParseBool`` reads."""


class HookAnnotations:
    """The annotations of a pod below a prefix; false if there are none.

    Attributes:
        prefix: what their keys begin with, such as ``pre.hook.backup.velero.io/``.
        problems: what was wrong with those that were read so far, each with its whole key.
    """

    def __init__(self, pod: Object, prefix: str) -> None:
        self.prefix = prefix
        self.problems: list[str] = []
        self._texts: dict[str, str] = {}
        for key, value in annotations(pod).items():
            if not key.startswith(prefix):
                continue
            if not isinstance(value, str):
                self.problems.append(f"{key} is no text")
            elif value:
                self._texts[key.removeprefix(prefix)] = value

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self._texts or self.problems)

    def __contains__(self, key: str) -> bool:
        """Whether this is said; ``key`` is without the prefix."""
        return key in self._texts

    def only(self, keys: Collection[str], *, needed: str) -> None:
        """Reads which keys there are: none but ``keys``, and ``needed`` among them."""
        self.problems += (
            f"{self.prefix}{key} is no annotation of a hook; there are {', '.join(keys)}"
            for key in sorted(self._texts.keys() - {*keys})
        )
        if needed not in self._texts:
            self.problems.append(f"{self.prefix}{needed} is missing")

    def text(self, key: str) -> str:
        """A text, empty if it is not said."""
        return self._texts.get(key, "")

    def command(self) -> tuple[str, ...]:
        """The command, empty if there is none or it is wrong."""
        try:
            return parse_command(self._texts["command"]) if "command" in self else ()
        except ValueError as error:
            self.problems.append(f"{self.prefix}command: {error}")
            return ()

    def container(self, present: Sequence[str]) -> str:
        """The container, one of ``present``; the first of them if it is not said."""
        name = self.text("container") or next(iter(present), "")
        if name not in present:
            told = f"the pod has no container {name!r}; there are {', '.join(present) or 'none'}"
            self.problems.append(f"{self.prefix}container: {told}")
        return name

    def seconds(self, key: str) -> float:
        """A time, 0 if it is not said or wrong."""
        try:
            return parse_seconds(self._texts[key]) if key in self else 0.0
        except ValueError as error:
            self.problems.append(f"{self.prefix}{key}: {error}")
            return 0.0

    def on_error(self) -> OnError:
        """What a failure means, ``Continue`` if it is not said or wrong."""
        said = self.text("on-error") or "Continue"
        if said not in ("Continue", "Fail"):
            self.problems.append(f"{self.prefix}on-error is {said!r}; write Continue or Fail")
            return "Continue"
        return cast(OnError, said)

    def is_true(self, key: str) -> bool:
        """Yes or no, False if it is not said or wrong."""
        said = self.text(key) or "false"
        if said not in _BOOLEANS:
            self.problems.append(f"{self.prefix}{key} is {said!r}; write true or false")
        return _BOOLEANS.get(said, False)


def parse_command(text: str) -> tuple[str, ...]:
    """A command as an annotation has it: a JSON list of texts if it begins with ``[``, else the
    name of a program. Raises ``ValueError`` for what is neither.
    """
    if not text.strip():
        raise ValueError("the command is empty")
    if not text.startswith("["):
        return (text,)
    try:
        found = _COMMAND.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(
            f"the command begins with [ and is no JSON list of texts: {error}"
        ) from error
    if not found:
        raise ValueError("the command is an empty list")
    return tuple(found)
