"""Budget: what may be called how often, and the switch that stops everything."""

import logging
import threading
from collections.abc import Callable

import msgspec

from burgee.errors import Fault, InvalidInputError, ReadOnlyError, TooManyRequestsError, UnavailableError
from burgee.model.audit import AuditDraft
from burgee.model.budget import (
    EVALUATION_BUDGET,
    MANAGEMENT_BUDGET,
    MAX_LIMIT,
    BudgetMode,
    BudgetRules,
    BudgetScope,
    BudgetState,
    Renewal,
    RequestBudget,
)
from burgee.model.rate import Rate
from burgee.ports import BudgetStore, Clock, FlagStore
from burgee.service.intent import Author
from burgee.service.meter import Meter, stopped
from burgee.service.rate_limits import RateLimits

_log = logging.getLogger("burgee.budget")

BURST_SECONDS = 10
"""A rate limit lets that many seconds' worth of calls through at once."""


class BudgetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One budget as it is stored; `remaining` adds what this worker holds of it already.

    `refused` counts this worker's refusals; in observe mode, what it would have refused.
    """

    budget: RequestBudget
    remaining: int
    refused: int


class Budget:
    """The budgets of one worker: management, evaluation where it is limited, and the rates before them.

    `monotonic` is a clock in seconds that nobody sets. `on_trip` is told where a call of this worker has
    used up the management budget, unless that is only observed; it must neither raise nor take long.
    """

    def __init__(
        self,
        store: BudgetStore,
        audit: FlagStore,
        *,
        rules: BudgetRules,
        clock: Clock,
        monotonic: Clock,
        on_trip: Callable[[RequestBudget], None] = lambda _: None,
    ) -> None:
        self._on_trip = on_trip
        self._audit, self._clock, self.rules = audit, clock, rules
        self._telling = threading.Lock()
        self._listeners: list[Callable[[bool], None]] = []
        self._is_stopped = False

        def meter(limit_type: str, limit: int) -> Meter:
            return Meter(
                store,
                limit_type,
                seed_limit=limit,
                clock=clock,
                monotonic=monotonic,
                workers=rules.workers,
                window_seconds=rules.window.seconds,
                mode=rules.mode,
                tripped=self._note_trip,
            )

        def rates(per_second: int) -> RateLimits | None:
            rate = Rate(per_second=per_second, burst=per_second * BURST_SECONDS)
            return RateLimits(rate, monotonic=monotonic) if per_second else None

        self.management = meter(MANAGEMENT_BUDGET, rules.seed_limit)
        limit = rules.evaluation_limit
        self.evaluation = meter(EVALUATION_BUDGET, limit) if limit else None
        self._tokens, self._addresses = rates(rules.token_rate), rates(rules.address_rate)

    def admit_stranger(self, address: str) -> None:
        """Count a call from `address` that nobody answers for; it never costs any of the budget.

        Raises TooManyRequestsError.
        """
        if self._addresses is not None:
            self._addresses.admit(address)

    def admit_caller(self, subject: str) -> None:
        """Count a call of a known caller against the rate of its own.

        Raises TooManyRequestsError.
        """
        if self._tokens is not None:
            self._tokens.admit(subject)

    def reset(self, limit: int, *, author: Author, of_evaluation: bool = False) -> RequestBudget:
        """Open the breaker, with `limit` calls from now on; ends every forced stop.

        Raises InvalidInputError for a limit out of 1 to 10^9 and where evaluation is not limited,
        UnavailableError.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInputError([Fault("/limit", "invalid-limit", f"a limit is 1 to {MAX_LIMIT}")])
        meter = self.evaluation if of_evaluation else self.management
        if meter is None:
            raise InvalidInputError([Fault("/budget", "not-limited", "evaluation has no limit here")])
        renewal = Renewal(
            state=BudgetState.OPEN,
            at=self._clock(),
            limit_value=limit,
            limit=limit,
            window_ends_at=meter.window_end(),
            by=author.subject,
            reason=author.reason,
        )
        return self._renew(meter, renewal, "budget.reset", author)

    def force(self, scope: BudgetScope, *, author: Author) -> RequestBudget:
        """Stop every metered route, and with BudgetScope.ALL evaluation too, until a reset.

        This worker has stopped when the call returns, all others within a second. Raises UnavailableError.
        """
        renewal = Renewal(
            state=BudgetState.FORCED,
            at=self._clock(),
            scope=scope,
            by=author.subject,
            reason=author.reason,
        )
        return self._renew(self.management, renewal, "budget.stopped", author)

    def state(self) -> BudgetStatus:
        """The budget of the management API and the dialects, as it is stored now.

        Raises UnavailableError.
        """
        return _status(self.management)

    def evaluation_state(self) -> BudgetStatus | None:
        """The budget of evaluation, None where it is not limited.

        Raises UnavailableError.
        """
        return None if self.evaluation is None else _status(self.evaluation)

    @property
    def stops_evaluation(self) -> TooManyRequestsError | None:
        """Why nothing is evaluated, as this worker knows it; None where flags are answered."""
        row = self.management.row
        is_stopped = row is not None and row.state is BudgetState.FORCED and row.scope is BudgetScope.ALL
        return stopped(row) if row is not None and is_stopped else None

    def on_stop(self, listener: Callable[[bool], None]) -> None:
        """Tell `listener`, now and at each change, whether evaluation is stopped; from any thread."""
        with self._telling:
            self._listeners.append(listener)
            listener(self._is_stopped)

    def follow(self) -> None:
        """Look for what other workers have reset or stopped; called again and again, never raises."""
        self.management.follow()
        if self.evaluation is not None:
            self.evaluation.follow()
        self._tell()

    def close(self) -> None:
        """Give back what was leased and not used."""
        self.management.close()
        if self.evaluation is not None:
            self.evaluation.close()

    def _renew(self, meter: Meter, renewal: Renewal, action: str, author: Author) -> RequestBudget:
        before = meter.row
        after = meter.renew(renewal)
        self._tell()
        self._record(action, before, after, author)
        return after

    def _tell(self) -> None:
        with self._telling:
            is_stopped = self.stops_evaluation is not None
            if is_stopped is not self._is_stopped:
                self._is_stopped = is_stopped
                for listener in self._listeners:
                    listener(is_stopped)

    def _note_trip(self, row: RequestBudget) -> None:
        only_seen = self.rules.mode is BudgetMode.OBSERVE
        reason = "the limit is used up" + ("; nothing is refused in observe mode" if only_seen else "")
        _log.warning("budget.tripped", extra={"limitType": row.limit_type, "limit": row.limit})
        try:
            self._record("budget.tripped", None, row, Author(subject="burgee", reason=reason))
        except UnavailableError:
            _log.warning("budget.tripped", extra={"limitType": row.limit_type, "audited": False})
        if not only_seen and row.limit_type == MANAGEMENT_BUDGET:
            self._on_trip(row)

    def _record(
        self, action: str, before: RequestBudget | None, after: RequestBudget, author: Author
    ) -> None:
        draft = AuditDraft(
            at=self._clock(),
            actor=author.subject,
            action=action,
            entity=f"budgets/{after.limit_type}",
            before=None if before is None else msgspec.to_builtins(before),
            after=msgspec.to_builtins(after),
            request_id=author.request_id,
            reason=author.reason,
        )
        try:
            self._audit.append_audit(draft)
        except ReadOnlyError:
            # The operator must be able to stop and start a server whose store is damaged.
            _log.warning(action, extra={"subject": author.subject, "audited": False})


def _status(meter: Meter) -> BudgetStatus:
    row = meter.read()
    return BudgetStatus(budget=row, remaining=row.limit_value + meter.left, refused=meter.refused)
