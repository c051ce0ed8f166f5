"""The request budget, remembered and never spent: a stand-in until slice D brings the real one."""

from typing import Protocol

from burgee.model.budget import (
    MANAGEMENT_BUDGET,
    SEED_LIMIT,
    BudgetScope,
    BudgetState,
    Renewal,
    RequestBudget,
)
from burgee.model.budget import renewed as renewed_budget
from burgee.ports import Clock
from burgee.service.intent import Author


class Meter(Protocol):
    """Spends one budget."""

    def spend(self) -> None: ...


class Budget:
    """The budget of the management API and the dialects."""

    evaluation: Meter | None = None
    stops_evaluation: Exception | None = None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.row = RequestBudget(limit_type=MANAGEMENT_BUDGET, limit_value=SEED_LIMIT, limit=SEED_LIMIT)

    def reset(self, limit: int, *, author: Author) -> RequestBudget:
        """Open the breaker, with `limit` calls from now on."""
        renewal = Renewal(
            state=BudgetState.OPEN,
            at=self._clock(),
            limit_value=limit,
            limit=limit,
            by=author.subject,
            reason=author.reason,
        )
        self.row = renewed_budget(self.row, renewal)
        return self.row

    def force(self, scope: BudgetScope, *, author: Author) -> RequestBudget:
        """Stop every metered route, and with BudgetScope.ALL evaluation too."""
        renewal = Renewal(
            state=BudgetState.FORCED,
            at=self._clock(),
            limit_value=0,
            scope=scope,
            by=author.subject,
            reason=author.reason,
        )
        self.row = renewed_budget(self.row, renewal)
        return self.row
