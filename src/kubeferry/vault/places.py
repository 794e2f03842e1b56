"""What buckets, regions and prefixes may be called, by the patterns of their schema. Pure.

They become host names, URLs and directories, so what could mean something else there is refused.
"""

import re

from kubeferry.api.fields import BUCKET, PREFIX, REGION
from kubeferry.errors import InvalidInput

_BUCKET = re.compile(BUCKET)
_REGION = re.compile(REGION)
_PREFIX = re.compile(PREFIX)


def check_bucket(bucket: str) -> str:
    """The bucket's name if it can be one. Raises ``InvalidInput``."""
    if not (_BUCKET.fullmatch(bucket) and 3 <= len(bucket) <= 63):
        raise InvalidInput(
            f"{bucket!r} cannot name a bucket",
            place="objectStorage.bucket",
            remedy="3 to 63 letters, digits, '-', '_' and '.'",
        )
    return bucket


def check_region(region: str) -> str:
    """The region if it can be one, or empty. Raises ``InvalidInput``."""
    if not _REGION.fullmatch(region):
        raise InvalidInput(
            f"{region!r} is no region", place="config.region", remedy="for example cn-beijing"
        )
    return region


def normal_prefix(prefix: str) -> str:
    """The prefix without slashes at its ends, backslashes as slashes. Raises ``InvalidInput``."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInput(
            f"{prefix!r} is no plain path",
            place="objectStorage.prefix",
            remedy="folder names divided by /, without . and ..",
        )
    return "/".join(part for part in prefix.replace("\\", "/").split("/") if part)
