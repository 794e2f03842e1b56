"""Objects that the API server did not take and will perhaps take later: they are tried again.

What exceeds a quota is tried once more at the end of its round. What a webhook could not judge
whose Service the restore brings is tried again when all is through, until a limit: the workload
behind it needs its time. All else is told at once.
"""

from collections.abc import Callable

from kubeferry.errors import ApiError
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.refusals import Backend, is_over_quota, unreachable_backend

HELD_BYTES = 8 << 20
"""Bytes of archived JSON that are held at most; what comes then fails at once."""


class Held:
    """Holds items back; ``brings`` says whether the restore brings a Service."""

    def __init__(self, brings: Callable[[Backend], bool]) -> None:
        self._brings = brings
        self._bytes = 0
        self._over_quota: list[PlanItem] = []
        self._unjudged: list[PlanItem] = []
        self.is_quota_over = False
        """Whether what exceeds a quota now fails."""
        self.is_over = False
        """Whether all that is refused now fails."""

    @property
    def is_waiting(self) -> bool:
        """Whether ``unjudged`` has something."""
        return bool(self._unjudged)

    def take(self, item: PlanItem, error: ApiError) -> bool:
        """Whether an item that was refused is held."""
        if self.is_over or self._bytes + item.size > HELD_BYTES:
            return False
        if item.action == "recreate":  # what it was to replace may be deleted by now
            return False
        if is_over_quota(error) and not self.is_quota_over:
            self._over_quota.append(item)
        else:
            backend = unreachable_backend(error)
            if backend is None or not self._brings(backend):
                return False
            self._unjudged.append(item)
        self._bytes += item.size
        return True

    def over_quota(self) -> list[PlanItem]:
        """Hands out what exceeded a quota."""
        return self._given(self._over_quota)

    def unjudged(self) -> list[PlanItem]:
        """Hands out what a webhook could not judge."""
        return self._given(self._unjudged)

    def _given(self, held: list[PlanItem]) -> list[PlanItem]:
        items = held.copy()
        held.clear()
        self._bytes -= sum(item.size for item in items)
        return items
