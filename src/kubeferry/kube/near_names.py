"""Which name a person may have meant who wrote one that is not there. Pure."""

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """``; did you mean deployments.apps?``, or nothing where no name is near."""
    known = sorted({*names} - {""})
    near = difflib.get_close_matches(text.lower(), [one.lower() for one in known], n=1, cutoff=0.7)
    found = next((one for one in known if near and one.lower() == near[0]), "")
    return f"; did you mean {found}?" if found else ""
