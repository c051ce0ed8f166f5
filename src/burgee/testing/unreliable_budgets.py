"""A BudgetStore that counts what it is asked and fails when a test says so."""

from collections.abc import Callable

from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.errors import UnavailableError
from burgee.model.budget import Renewal, RequestBudget, Taken
from burgee.ports import BudgetStore


class UnreliableBudgetStore:
    """The steps of `inner`. `is_down` fails each before it is applied, `loses_answer` after it was."""

    def __init__(
        self,
        inner: BudgetStore | None = None,
        *,
        loses_answer: Callable[[], bool] = lambda: False,
    ) -> None:
        self._inner = inner if inner is not None else MemoryBudgetStore()
        self._loses_answer = loses_answer
        self.is_down = False
        self.steps: list[str] = []

    def read(self, limit_type: str) -> RequestBudget | None:
        self._reach("read")
        return self._inner.read(limit_type)

    def seed(self, budget: RequestBudget) -> RequestBudget:
        self._reach("seed")
        return self._inner.seed(budget)

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        self._reach("take")
        outcome = self._inner.take(limit_type, wanted, at=at)
        if self._loses_answer():
            raise UnavailableError("the answer was lost")
        return outcome

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        self._reach("give_back")
        self._inner.give_back(limit_type, tokens, epoch=epoch)

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        self._reach("renew")
        return self._inner.renew(limit_type, renewal, epoch=epoch)

    def _reach(self, step: str) -> None:
        self.steps.append(step)
        if self.is_down:
            raise UnavailableError("the store is down")
