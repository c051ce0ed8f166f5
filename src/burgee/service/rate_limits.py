"""Rate limits by key, in this process: whoever calls too often waits, and nobody else notices."""

import threading
from collections import OrderedDict

from burgee.errors import TooManyRequestsError
from burgee.model.rate import Rate, admission
from burgee.ports import Clock

KNOWN_KEYS = 10_000
"""How many keys are remembered; the one that was seen longest ago is forgotten first."""


class RateLimits:
    """One rate for each key. `monotonic` is a clock that nobody sets."""

    def __init__(self, rate: Rate, *, monotonic: Clock, known_keys: int = KNOWN_KEYS) -> None:
        self._rate, self._monotonic, self._known_keys = rate, monotonic, known_keys
        self._lock = threading.Lock()
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def admit(self, key: str) -> None:
        """Count one call of `key`.

        Raises TooManyRequestsError where it comes too early; that call is not counted.
        """
        with self._lock:
            arrival, wait = admission(self._arrivals.get(key, 0.0), self._monotonic(), rate=self._rate)
            self._arrivals[key] = arrival
            self._arrivals.move_to_end(key)
            if len(self._arrivals) > self._known_keys:
                self._arrivals.popitem(last=False)
        if wait > 0:
            raise TooManyRequestsError(
                "these calls come too fast; slow down", retry_after=wait, limit=self._rate.burst
            )
