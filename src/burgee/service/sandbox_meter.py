"""A limit on evaluations that one process counts by itself, where a store would cost each of them a call."""

from collections.abc import Callable

from burgee.errors import TooManyRequestsError


class SandboxMeter:
    """`limit` calls in each window of `window_seconds`, which begins with the first call after the last one.

    With `only_observes` everything passes, and `refused` counts what would not have.
    """

    def __init__(
        self,
        limit: int,
        window_seconds: float,
        *,
        clock: Callable[[], float],
        only_observes: bool = False,
    ) -> None:
        self._limit, self._window = limit, window_seconds
        self._clock, self._only_observes = clock, only_observes
        self._left = 0
        self._ends_at = float("-inf")
        self.refused = 0

    def spend(self) -> None:
        """Count one call.

        Raises TooManyRequestsError where the window has none left.
        """
        now = self._clock()
        # An end that is farther away than a window is long stands there since a clock was set back.
        if not now < self._ends_at <= now + self._window:
            self._left, self._ends_at = self._limit, now + self._window
        if self._left > 0:
            self._left -= 1
            return
        self.refused += 1
        if not self._only_observes:
            wait = self._ends_at - now
            raise TooManyRequestsError("the request budget is used up", retry_after=wait, limit=self._limit)
