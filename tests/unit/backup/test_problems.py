from collections.abc import Sequence

import pytest

from kubeferry.backup.problems import unread
from kubeferry.errors import ApiError
from kubeferry.kube.names import Identity
from kubeferry.report import Problem

BROKEN = ApiError("it broke", kubernetes_reason="InternalError")


@pytest.mark.parametrize(
    ("subject", "where", "namespace", "told"),
    [
        pytest.param("secrets", (), "", "could not be read: it broke", id="a kind, everywhere"),
        pytest.param(
            "secrets", ("shop",), "shop", "could not be read in shop: it broke", id="in one"
        ),
        pytest.param("secrets", ("a", "b"), "", "could not be read in a, b: it broke", id="in two"),
        pytest.param(
            "secrets",
            ("a", "b", "c", "d", "e"),
            "",
            "could not be read in a, b, c and 2 more namespaces: it broke",
            id="in many",
        ),
        pytest.param(
            Identity("secrets", "shop", "key"), (), "shop", "could not be read: it broke", id="one"
        ),
    ],
)
def test_what_could_not_be_read_is_told_where_it_is_missed(
    subject: Identity | str, where: Sequence[str], namespace: str, told: str
) -> None:
    found = unread(BROKEN, subject, where=where)
    assert found == Problem("error", "InternalError", told, namespace, str(subject))


def test_a_version_that_could_not_be_read_is_named() -> None:
    found = unread(BROKEN, Identity("things.x.io", "shop", "a"), version="x.io/v1")
    assert found.subject == "things.x.io shop/a in x.io/v1"
