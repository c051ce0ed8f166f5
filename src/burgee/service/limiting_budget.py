"""A budget whose breaker also holds functions back from the outside: first the row, then the functions."""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from burgee.errors import Fault, InvalidInputError, PartlyDoneError, ReadOnlyError, UnavailableError
from burgee.model.audit import AuditDraft
from burgee.model.budget import BudgetRules, BudgetScope, BudgetState, RequestBudget
from burgee.model.limited_function import LARGEST_CONCURRENCY, LimitedFunction
from burgee.ports import BudgetStore, Clock, FlagStore, FunctionConcurrency
from burgee.service.budget import Budget
from burgee.service.intent import Author

_log = logging.getLogger("burgee.limiter")

ROUNDS = 3
"""How often the functions are brought into line again with a row that changed meanwhile."""


class Limited(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the row, and for each function how many may run at once (None: no limit).

    `failed` names the functions for which that could not be done, each with the reason.
    """

    budget: RequestBudget
    functions: Mapping[str, int | None]
    failed: Mapping[str, str]


class LimitingBudget(Budget):
    """A Budget that after each reset or stop brings the concurrency of `functions` into line with it.

    Stopped is what the row says is stopped, and what has used up a budget that no window fills again. Two
    that act at once agree in the end: each looks at the row again after it has acted.
    """

    def __init__(
        self,
        store: BudgetStore,
        audit: FlagStore,
        *,
        rules: BudgetRules,
        clock: Clock,
        monotonic: Clock,
        concurrency: FunctionConcurrency,
        functions: Sequence[LimitedFunction],
    ) -> None:
        super().__init__(store, audit, rules=rules, clock=clock, monotonic=monotonic)
        self._concurrency, self._functions = concurrency, tuple(functions)

    def reset(self, limit: int, *, author: Author, of_evaluation: bool = False) -> RequestBudget:
        """Open the breaker, with `limit` calls from now on, and let the functions run again.

        Raises as `Budget.reset`, and PartlyDoneError where some functions could not be let run.
        """
        if of_evaluation:
            return super().reset(limit, author=author, of_evaluation=True)
        reset = super().reset
        return _whole(self._first(lambda: reset(limit, author=author), author)).budget

    def force(self, scope: BudgetScope, *, author: Author) -> RequestBudget:
        """Stop every metered route, and with BudgetScope.ALL evaluation too, and the functions behind them.

        Raises as `Budget.force`, and PartlyDoneError where some functions could not be stopped.
        """
        force = super().force
        return _whole(self._first(lambda: force(scope, author=author), author)).budget

    def limit_functions(self, concurrency: int, *, scope: BudgetScope, author: Author) -> Limited:
        """Stop with 0; else open a closed breaker, and let each function run so often at once.

        Raises InvalidInputError for a number below 0 or above 100,000, UnavailableError.
        """
        if not 0 <= concurrency <= LARGEST_CONCURRENCY:
            words = f"a concurrency is 0 to {LARGEST_CONCURRENCY}"
            raise InvalidInputError([Fault("/intValue", "invalid-concurrency", words)])
        force, reset = super().force, super().reset
        if concurrency == 0:
            return self._first(lambda: force(scope, author=author), author)
        row = self.state().budget
        if row.state is BudgetState.OPEN:
            return self.settle(author, row=row, concurrency=concurrency)
        return self._first(lambda: reset(row.limit, author=author), author, concurrency=concurrency)

    def settle(
        self, author: Author, *, row: RequestBudget | None = None, concurrency: int | None = None
    ) -> Limited:
        """Bring the functions into line with the row; running ones get `concurrency`, None for no limit.

        Raises UnavailableError where `row`, the row as it was just written, is not given and cannot be read,
        or where nothing of it can be audited.
        """
        row = row if row is not None else self.state().budget
        for _ in range(ROUNDS):
            wanted = {each.name: 0 if _is_stopped(each, row) else concurrency for each in self._functions}
            failed = self._concurrency.limit(wanted)
            acted_on = row
            with contextlib.suppress(UnavailableError):  # then nobody else has changed it either
                row = self.state().budget
            if (row.epoch, row.state) == (acted_on.epoch, acted_on.state):
                break
        done = Limited(budget=row, functions=wanted, failed=dict(failed))
        if failed:
            _log.error("concurrency.failed", extra={"functions": dict(failed)})
        self._note(done, author)
        return done

    def _first(
        self, change: Callable[[], RequestBudget], author: Author, *, concurrency: int | None = None
    ) -> Limited:
        """Write the row, then see to the functions; also where only the record of it could not be written."""
        try:
            row = change()
        except UnavailableError:
            with contextlib.suppress(UnavailableError):
                self.settle(author, concurrency=concurrency)
            raise
        return self.settle(author, row=row, concurrency=concurrency)

    def _note(self, done: Limited, author: Author) -> None:
        draft = AuditDraft(
            at=self._clock(),
            actor=author.subject,
            action="concurrency.limited",
            entity=f"budgets/{done.budget.limit_type}",
            after={"functions": dict(done.functions), "failed": dict(done.failed)},
            request_id=author.request_id,
            reason=author.reason,
        )
        try:
            self._audit.append_audit(draft)
        except ReadOnlyError:
            _log.warning("concurrency.limited", extra={"subject": author.subject, "audited": False})


def _is_stopped(function: LimitedFunction, row: RequestBudget) -> bool:
    match row.state:
        case BudgetState.OPEN:
            return False
        case BudgetState.FORCED:
            return function.is_stopped_by(row.scope)
        case BudgetState.TRIPPED:
            # What a window fills again could not be let run by anybody when it does.
            return row.window_ends_at is None and function.is_stopped_by(BudgetScope.MANAGEMENT)


def _whole(done: Limited) -> Limited:
    if done.failed:
        raise PartlyDoneError(sorted(done.failed))
    return done
