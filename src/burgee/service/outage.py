"""Outage: what a meter may still admit while its store does not answer, so that nothing trips on an error."""

from burgee.model.rate import Rate, admission

GRACE_SECONDS = 1.0
"""How long a store may fail before anything is admitted without it: an answer that got lost is no outage."""

OUTAGE_SECONDS = 60.0
OUTAGE_RATE = Rate(per_second=10.0, burst=10)
"""What each worker admits at once, and what all of them together admit a second, until OUTAGE_SECONDS."""

RETRY_SECONDS = 1.0
"""The pause between two tries of the store."""


class Outage:
    """The present outage of one worker's store, or none. Times are those of a monotonic clock."""

    def __init__(self, *, workers: int) -> None:
        self._rate = Rate(per_second=OUTAGE_RATE.per_second / workers, burst=OUTAGE_RATE.burst)
        self._since: float | None = None
        self._retry_at = 0.0
        self._arrival = 0.0

    @property
    def is_on(self) -> bool:
        """Whether the store failed when it was last needed."""
        return self._since is not None

    def is_waiting(self, now: float) -> bool:
        """Whether it is too early to try the store again."""
        return self.is_on and now < self._retry_at

    def begin(self, now: float) -> None:
        """The store has failed, for the first time or again."""
        if self._since is None:
            self._since = now
        self._retry_at = now + RETRY_SECONDS

    def end(self) -> None:
        """The store has done what it was needed for."""
        self._since = None

    def wait(self, now: float) -> float:
        """Seconds until one more call may be admitted: 0 where this one may."""
        if self._since is None or not GRACE_SECONDS <= now - self._since <= OUTAGE_SECONDS:
            return RETRY_SECONDS
        self._arrival, wait = admission(self._arrival, now, rate=self._rate)
        return wait
