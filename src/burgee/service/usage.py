"""Usage: which flags are evaluated, to what, and which of them nobody asks for any more."""

import logging
import threading
from collections.abc import Iterable

import msgspec

from burgee.errors import BurgeeError
from burgee.model.flag import Flag
from burgee.model.resolution import Reason
from burgee.model.usage import HOUR_SECONDS, Outcome, UsageCount, hour_of
from burgee.ports import Clock, UsageStore
from burgee.service.tally import Tally

_log = logging.getLogger("burgee.usage")

FLUSH_SECONDS = 2.0
"""Between two writes of a worker, however many evaluations there are."""

KEPT_HOURS = 30 * 24
"""How far back the counts by hour go; when a flag was last evaluated is never forgotten."""

PENDING_OUTCOMES = 100_000
"""How many counts wait at most while the store cannot take them."""

DAY_SECONDS = 86_400


class FlagUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one flag: `last_evaluated_at` None where it never was, counts oldest first."""

    last_evaluated_at: float | None
    counts: tuple[UsageCount, ...]


class Usage:
    """Counts in memory, and writes what has come together now and then: `flush` is called by a beat.

    A store that fails delays the counts and nothing else. What a worker has counted since its last flush
    is lost if it is killed: two seconds of statistics.
    """

    def __init__(self, store: UsageStore, *, clock: Clock) -> None:
        self.tally = Tally()
        self._store = store
        self._clock = clock
        self._flushing = threading.Lock()
        self._pending: dict[tuple[int, Outcome], UsageCount] = {}
        self._purged_hour = 0

    def evaluated(self, flag_set: str, key: str, variant: str | None, reason: Reason) -> None:
        """Count one evaluation of a flag that exists; costs a dictionary increment, and never raises."""
        self.tally.evaluated(flag_set, key, variant, reason)

    def last_evaluated(self, flag_set: str, key: str) -> float | None:
        """Unix seconds as of the last flush of all workers, None where that never was.

        Raises UnavailableError.
        """
        return self._store.last_evaluated([(flag_set, key)]).get((flag_set, key))

    def last_evaluations(self, flags: Iterable[Flag]) -> dict[tuple[str, str], float]:
        """When each of `flags` was last evaluated, by flag set and key; those that never were are missing.

        What a deleted flag of the same key was used for does not count. Raises UnavailableError.
        """
        created = {(flag.flag_set, flag.key): flag.created_at for flag in flags}
        found = self._store.last_evaluated(list(created))
        return {place: at for place, at in found.items() if at >= created[place]}

    def of_flag(self, flag: Flag, *, hours: int) -> FlagUsage:
        """The counts of the last `hours` hours, the present one among them. Raises UnavailableError."""
        since = hour_of(self._clock()) - (hours - 1) * HOUR_SECONDS
        last = self.last_evaluations([flag]).get((flag.flag_set, flag.key))
        counts = self._store.counts(flag.flag_set, flag.key, since=since)
        return FlagUsage(last_evaluated_at=last, counts=counts)

    def stale_before(self, days: int) -> float:
        """The time before which a flag must have been used and changed last to be stale for `days`."""
        return self._clock() - days * DAY_SECONDS

    def flush(self) -> bool:
        """Write what was counted; False where that has to wait, because the store cannot now."""
        with self._flushing:
            now = self._clock()
            hour = hour_of(now)
            for outcome, count in self.tally.take().items():
                self._wait(hour, outcome, count, now)
            if not self._pending:
                return True
            try:
                self._store.add(list(self._pending.values()))
                self._pending.clear()
                if hour != self._purged_hour:
                    self._store.purge(before=hour - KEPT_HOURS * HOUR_SECONDS)
                    self._purged_hour = hour
            except BurgeeError as error:
                _log.warning("usage.flush_failed", extra={"problem": str(error)})
                self._shed()
                return False
            return True

    def _wait(self, hour: int, outcome: Outcome, count: int, now: float) -> None:
        waiting = self._pending.get((hour, outcome))
        self._pending[hour, outcome] = UsageCount(
            flag_set=outcome.flag_set,
            flag_key=outcome.flag_key,
            hour=hour,
            variant=outcome.variant,
            reason=outcome.reason,
            count=count + (waiting.count if waiting is not None else 0),
            last_at=now,
        )

    def _shed(self) -> None:
        """Forget the oldest hours once too much waits: memory is worth more than statistics."""
        while len(self._pending) > PENDING_OUTCOMES:
            oldest = min(hour for hour, _ in self._pending)
            for place in [place for place in self._pending if place[0] == oldest]:
                del self._pending[place]
