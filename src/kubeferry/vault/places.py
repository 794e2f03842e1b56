"""What buckets, regions and prefixes may be called. Pure.

They become host names, URLs and directories, so what could mean something else there is refused.
"""

import re

from kubeferry.errors import InvalidInput

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?")


def check_bucket(bucket: str) -> str:
    """The bucket's name if it can be one. Raises ``InvalidInput``."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidInput(
            f"{bucket!r} cannot name a bucket",
            place="objectStorage.bucket",
            remedy="3 to 63 letters, digits, '-', '_' and '.'",
        )
    return bucket


def check_region(region: str) -> str:
    """The region if it can be one, or empty. Raises ``InvalidInput``."""
    if region and not _REGION.fullmatch(region):
        raise InvalidInput(
            f"{region!r} is no region", place="config.region", remedy="for example cn-beijing"
        )
    return region


def normal_prefix(prefix: str) -> str:
    """The prefix without slashes at its ends, backslashes as slashes. Raises ``InvalidInput``."""
    parts = [part for part in prefix.replace("\\", "/").split("/") if part]
    for part in parts:
        if part in (".", "..") or not part.isprintable():
            raise InvalidInput(
                f"{prefix!r} is no plain path",
                place="objectStorage.prefix",
                remedy="folder names divided by /, without . and ..",
            )
    return "/".join(parts)
