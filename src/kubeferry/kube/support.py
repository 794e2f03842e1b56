"""Which Kubernetes servers kubeferry works with."""

from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import ServerVersion

OLDEST = (1, 20)
"""Older servers lack what the seed's modifiers and CSI need (seed.txt, Prerequisites)."""


def check_supported(version: ServerVersion) -> None:
    """Raises ``InvalidInput`` for a server that is too old."""
    if (version.major, version.minor) < OLDEST:
        raise InvalidInput(
            f"the API server is Kubernetes {version.git_version}",
            place="cluster",
            remedy=f"kubeferry needs {OLDEST[0]}.{OLDEST[1]} or later",
        )
