"""The controller's rights are enough for all that the tests of this tier do, and no more.

It comes last: what it judges is what all the others left in the audit log.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kubeferry.api.install import Installation, manifests
from tests.node.permissions import Judgement, judge, rights_of

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def judgement(audit_events: Sequence[Mapping[str, Any]]) -> Judgement:
    """What both clusters' audit logs say of the rights as they are shipped."""
    return judge(rights_of(manifests(Installation(image="i"))), audit_events)


def test_each_right_was_needed(judgement: Judgement) -> None:
    assert [str(one) for one in judgement.unused] == []


def test_nothing_was_refused(judgement: Judgement) -> None:
    assert list(judgement.denied) == []


def test_nothing_was_allowed_by_anybody_else(judgement: Judgement) -> None:
    assert list(judgement.foreign) == []
