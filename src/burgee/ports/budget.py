"""The state of request budgets."""

from typing import Protocol

from burgee.model.budget import Renewal, RequestBudget, Taken


class BudgetStore(Protocol):
    """The state rows of request budgets, one a limit type, each changed by one atomic step at a time.

    Every method may raise UnavailableError. A step that raised may have been applied all the same: tokens
    that it took are then lost, and never spent twice. Thread-safe.
    """

    def read(self, limit_type: str) -> RequestBudget | None: ...

    def seed(self, budget: RequestBudget) -> RequestBudget:
        """Store `budget` where its limit type has no row; what is stored then."""
        ...

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        """`burgee.model.budget.taken`, atomically; None where there is no row."""
        ...

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        """`burgee.model.budget.given_back`, atomically; nothing where there is no row."""
        ...

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        """`burgee.model.budget.renewed`, atomically; what is stored then, also of a row that was damaged.

        None where there is no row, and where `epoch` is given and no longer the row's.
        """
        ...
