"""The reference implementation of request budgets: rows in a dictionary."""

import threading

from burgee.model.budget import Renewal, RequestBudget, Taken, given_back, renewed, taken


class MemoryBudgetStore:
    """BudgetStore of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, RequestBudget] = {}

    def read(self, limit_type: str) -> RequestBudget | None:
        return self._rows.get(limit_type)

    def seed(self, budget: RequestBudget) -> RequestBudget:
        with self._lock:
            return self._rows.setdefault(budget.limit_type, budget)

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        with self._lock:
            if limit_type not in self._rows:
                return None
            outcome = taken(self._rows[limit_type], wanted, at=at)
            self._rows[limit_type] = outcome.budget
            return outcome

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        with self._lock:
            if limit_type in self._rows:
                self._rows[limit_type] = given_back(self._rows[limit_type], tokens, epoch=epoch)

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        with self._lock:
            current = self._rows.get(limit_type)
            if current is None or epoch not in (None, current.epoch):
                return None
            self._rows[limit_type] = renewed(current, renewal)
            return self._rows[limit_type]
