from typing import Any

import pytest

from kubeferry.transform.automatic.cron_jobs import time_zone
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.change import apply_changes
from kubeferry.transform.facts import Facts

NEW = frozenset({ServedKind("batch/v1", "CronJob")})
OLD = NEW | {ServedKind("batch/v1beta1", "CronJob")}


@pytest.mark.parametrize(
    ("given", "served", "spec"),
    [
        pytest.param(
            {"schedule": "TZ=Asia/Shanghai 0 3 * * *"}, NEW,
            {"schedule": "0 3 * * *", "timeZone": "Asia/Shanghai"}, id="moved",
        ),
        pytest.param(
            {"schedule": "CRON_TZ=UTC  @daily"}, NEW, {"schedule": "@daily", "timeZone": "UTC"},
            id="by its other name",
        ),
        pytest.param({"schedule": "0 3 * * *"}, NEW, None, id="none is written"),
        pytest.param({"schedule": "TZ=UTC"}, NEW, None, id="no schedule: the server's to refuse"),
        pytest.param({"schedule": "TZ=UTC @daily"}, OLD, None, id="a target without the field"),
        pytest.param({"schedule": "TZ=UTC @daily"}, frozenset(), None, id="an unknown target"),
        pytest.param(
            {"schedule": "TZ=UTC @daily", "timeZone": "UTC"}, NEW, None, id="said twice: refused"
        ),
        pytest.param({"schedule": 5}, NEW, None, id="no text"),
    ],
)  # fmt: skip
def test_a_time_zone(given: Any, served: Any, spec: Any) -> None:
    obj = {"spec": given}
    after = apply_changes(obj, time_zone(Facts(served=served), obj))
    assert after["spec"] == (spec or given)
