"""Schema and code have one opinion of buckets, regions and prefixes."""

from collections.abc import Callable

import msgspec
import pytest

from kubeferry.api.fields import BUCKET, PREFIX, REGION, Bucket, Prefix, Region
from kubeferry.errors import InvalidInput
from kubeferry.kube.regex import compile_regex
from kubeferry.vault.places import check_bucket, check_region, normal_prefix

CASES = [
    *(
        (check_bucket, Bucket, BUCKET, text, is_fine)
        for text, is_fine in (
            ("abc", True),
            ("cnfs-oss_test.1", True),
            ("a" * 63, True),
            ("a" * 64, False),
            ("ab", False),
            ("", False),
            ("a..b", False),
            ("-ab", False),
            ("ab-", False),
            ("a/b", False),
            ("..", False),
        )
    ),
    *(
        (check_region, Region, REGION, text, is_fine)
        for text, is_fine in (
            ("", True),
            ("cn-beijing", True),
            ("us-east-1", True),
            ("-a", False),
            ("a_b", False),
            ("x.evil.com/", False),
            ("a" * 65, False),
        )
    ),
    *(
        (normal_prefix, Prefix, PREFIX, text, is_fine)
        for text, is_fine in (
            ("", True),
            ("/", True),
            ("a/b/", True),
            ("/a\\b", True),
            ("中/ü a", True),
            (".hidden/..x/...", True),
            (".", False),
            ("a/..", False),
            ("../a", False),
            ("a\\..\\b", False),
            ("a/./b", False),
            ("a\nb", False),
            ("a\x7f", False),
            ("a\x9fb", False),
        )
    ),
]


@pytest.mark.parametrize(("check", "field", "pattern", "text", "is_fine"), CASES)
def test_schema_and_code_agree(
    check: Callable[[str], str], field: object, pattern: str, text: str, *, is_fine: bool
) -> None:
    def passes(call: Callable[..., object], *args: object) -> bool:
        try:
            call(*args)
        except (InvalidInput, msgspec.ValidationError):
            return False
        return True

    assert passes(check, text) is is_fine
    assert passes(msgspec.convert, text, field) is is_fine
    # The API server's regular expressions are RE2, which bounds no lengths here.
    assert compile_regex(pattern, place="schema").search(text) or not is_fine
