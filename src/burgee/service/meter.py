"""Meter: spends one request budget by leases, so that most calls cost the store nothing.

Tokens leave the store before they are used, and a lease counts only in the epoch that it was taken in:
whatever happens to a worker or to an answer of the store, no more is admitted than was granted.
"""

import contextlib
import threading
from collections.abc import Callable

from burgee.errors import TooManyRequestsError, UnavailableError
from burgee.model.budget import (
    BudgetMode,
    BudgetScope,
    BudgetState,
    Renewal,
    RequestBudget,
    Taken,
)
from burgee.ports import BudgetStore, Clock
from burgee.service.outage import Outage

LARGEST_LEASE = 4_096
"""Taking a lease waits for the disk, some 0.3 to 3 ms: spread over so many calls that is hardly anything."""

SHARES = 3
"""A lease is at most the SHARES-th part of what each worker would get of what is left."""

LAST_CALLS = 64
"""Several workers take the last calls one by one, so that a small limit is served to the last call."""

FRESH_SECONDS = 1.0
"""How long a worker may go on without asking whether its lease is still good."""

REFRESH_SECONDS = 0.4
"""How old its knowledge gets at most where somebody calls `follow` often enough."""

CLOSED_SECONDS = 0.1
"""How long a refusal is repeated from memory before the store is asked again."""

ENDLESS_RETRY_SECONDS = 60.0
"""When to come back to a budget that only an administrator fills again."""


class Meter:
    """One worker's part of the budget `limit_type`.

    `clock` is Unix seconds and decides about windows, `monotonic` about everything that must not jump.
    `tripped` is told about the row where this worker's call was the one that tripped the breaker.
    """

    def __init__(
        self,
        store: BudgetStore,
        limit_type: str,
        *,
        seed_limit: int,
        clock: Clock,
        monotonic: Clock,
        workers: int = 1,
        window_seconds: float | None = None,
        mode: BudgetMode = BudgetMode.ENFORCE,
        tripped: Callable[[RequestBudget], None] = lambda _: None,
    ) -> None:
        self._store, self.limit_type = store, limit_type
        self._seed_limit, self._window, self._workers = seed_limit, window_seconds, workers
        self._mode = mode
        self._clock, self._monotonic, self._tripped = clock, monotonic, tripped
        self._one_at_a_time = threading.Lock()  # held while the store is asked
        self._lock = threading.Lock()  # held for the few numbers of the lease, never longer
        self._left = 0
        self._fresh_until = 0.0
        self._row: RequestBudget | None = None
        self._seen_at = float("-inf")
        self._outage = Outage(workers=workers)
        self.refused = 0
        """Calls that were refused, or in observe mode would have been."""
        self.admitted = 0
        """All other calls that passed."""

    @property
    def row(self) -> RequestBudget | None:
        """The budget as this worker last saw it."""
        return self._row

    @property
    def left(self) -> int:
        """What is left of this worker's lease."""
        return self._left

    def try_spend(self) -> bool:
        """Take one token of the lease, without ever waiting; False where only `spend` can tell."""
        with self._lock:
            if self._left > 0 and self._monotonic() < self._fresh_until:
                self._left -= 1
                self.admitted += 1
                return True
            return False

    def spend(self) -> None:
        """Take one token, asking the store where that is needed; this may block.

        Raises TooManyRequestsError where there is none, UnavailableError where that cannot be known.
        """
        with self._one_at_a_time:
            if self.try_spend():
                return
            now = self._monotonic()
            is_fresh = now < self._fresh_until
            if not (self._outage.is_waiting(now) if self._outage.is_on else is_fresh and self._is_closed()):
                try:
                    self._ask(now)
                    self._outage.end()
                except UnavailableError:
                    self._outage.begin(now)
            if not self._take_of_lease():
                self._refuse_or_admit(now)

    def follow(self) -> None:
        """Look whether the rules have changed, where that was last seen a while ago; never raises."""
        now = self._monotonic()
        if now - self._seen_at < (CLOSED_SECONDS if self._is_closed() else REFRESH_SECONDS):
            return
        with self._one_at_a_time, contextlib.suppress(UnavailableError):
            self._adopt(self._read(), now)

    def read(self) -> RequestBudget:
        """The row as it is stored now.

        Raises UnavailableError.
        """
        with self._one_at_a_time:
            row = self._current()
            self._adopt(row, self._monotonic())
            return row

    def renew(self, renewal: Renewal) -> RequestBudget:
        """Change the rules for all workers; this one has changed when the call returns.

        Raises UnavailableError.
        """
        with self._one_at_a_time:
            row = self._store.renew(self.limit_type, renewal)
            if row is None:
                self._store.seed(self._seed())
                row = self._store.renew(self.limit_type, renewal)
            if row is None:
                raise UnavailableError("the request budget does not stay stored")
            self._adopt(row, self._monotonic())
            self._outage.end()
            return row

    def window_end(self) -> float | None:
        """When a window that began now would end."""
        return None if self._window is None else self._clock() + self._window

    def close(self) -> None:
        """Give back what is left of the lease, where the store takes it."""
        with self._one_at_a_time:
            with self._lock:
                left, self._left = self._left, 0
            if left and self._row is not None:
                with contextlib.suppress(UnavailableError):  # then lost, as if the worker had been killed
                    self._store.give_back(self.limit_type, left, epoch=self._row.epoch)

    # -- with `_one_at_a_time` held

    def _ask(self, now: float) -> None:
        """Bring lease and row up to date, with one step of the store in nearly all cases."""
        row = self._row
        if self._left > 0 or row is None or self._is_closed() or not self._has_window(row):
            self._adopt(self._current(), now)
            if self._left > 0 or self._is_closed():
                return
        outcome = self._take()
        if outcome is None:
            self._adopt(self._read(), now)
            outcome = self._take()
        if outcome is None:
            raise UnavailableError("the request budget does not stay stored")
        self._adopt(outcome.budget, now, tokens=outcome.tokens)
        if outcome.tripped:
            self._tripped(outcome.budget)

    def _take(self) -> Taken | None:
        return self._store.take(self.limit_type, self._lease_size(), at=self._clock())

    def _read(self) -> RequestBudget:
        row = self._store.read(self.limit_type)
        return row if row is not None else self._store.seed(self._seed())

    def _seed(self) -> RequestBudget:
        return RequestBudget(
            limit_type=self.limit_type,
            limit_value=self._seed_limit,
            limit=self._seed_limit,
            window_ends_at=self.window_end(),
            changed_at=self._clock(),
        )

    def _has_window(self, row: RequestBudget) -> bool:
        """Whether `row` needs no new window."""
        if self._window is None or row.state is BudgetState.FORCED:
            return True
        # An end that is farther away than a window is long stands there since a clock was set back.
        now = self._clock()
        return row.window_ends_at is not None and now < row.window_ends_at <= now + self._window

    def _current(self) -> RequestBudget:
        """The row as stored, in a new window where the old one has ended; one worker of all begins it."""
        row = self._read()
        if self._has_window(row):
            return row
        now = self._clock()
        ended = row.window_ends_at is None or row.window_ends_at <= now
        renewal = Renewal(
            state=BudgetState.OPEN if ended else row.state,
            at=now,
            limit_value=row.limit if ended else None,
            window_ends_at=self.window_end(),
            by=row.by,
            reason=row.reason,
        )
        return self._store.renew(self.limit_type, renewal, epoch=row.epoch) or self._read()

    def _lease_size(self) -> int:
        known = self._row.limit_value if self._row is not None else 0
        kept = LAST_CALLS if self._workers > 1 else 0
        return max(1, min(LARGEST_LEASE, (known - kept) // (SHARES * self._workers)))

    def _adopt(self, row: RequestBudget, now: float, *, tokens: int = 0) -> None:
        """Believe `row` and have `tokens` of its epoch; a lease of another epoch is void."""
        with self._lock:
            kept = self._left if self._row is not None and row.epoch == self._row.epoch else 0
            self._row, self._left, self._seen_at = row, kept + tokens, now
            self._fresh_until = now + (CLOSED_SECONDS if self._is_closed() else FRESH_SECONDS)

    def _is_closed(self) -> bool:
        return self._row is not None and self._row.state is not BudgetState.OPEN and self._left == 0

    def _take_of_lease(self) -> bool:
        # Also of one that is no longer fresh: then the store has just failed to tell.
        with self._lock:
            self._left -= (had := self._left > 0)
            self.admitted += had
            return had

    def _refuse_or_admit(self, now: float) -> None:
        if self._outage.is_on and not self._is_closed():
            wait = self._outage.wait(now)
            if wait > 0 and self._mode is BudgetMode.ENFORCE:
                raise UnavailableError("the request budget cannot be read", retry_after=wait)
            with self._lock:
                self.admitted += 1
            return
        assert self._row is not None
        self.refused += 1
        if self._row.state is BudgetState.FORCED:
            raise stopped(self._row)
        if self._mode is BudgetMode.ENFORCE:
            raise self._used_up(self._row)

    def _used_up(self, row: RequestBudget) -> TooManyRequestsError:
        wait = ENDLESS_RETRY_SECONDS
        if self._window is not None and row.window_ends_at is not None:
            wait = min(max(row.window_ends_at - self._clock(), 0.0), self._window)
        return TooManyRequestsError("the request budget is used up", retry_after=wait, limit=row.limit)


def stopped(row: RequestBudget) -> TooManyRequestsError:
    """The refusal of what an administrator has stopped."""
    where = "everything" if row.scope is BudgetScope.ALL else "the management API"
    words = f"an administrator has stopped {where}"
    return TooManyRequestsError(words, retry_after=ENDLESS_RETRY_SECONDS, limit=row.limit)
