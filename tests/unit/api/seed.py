"""The manifests of examples/, which are those of the seed walkthrough."""

from pathlib import Path
from typing import Any

from kubeferry import codec

EXAMPLES = Path(__file__).parents[3] / "examples"


def seed(file: str) -> dict[str, Any]:
    """The object of one of the example manifests."""
    return codec.load_yaml((EXAMPLES / file).read_text())
