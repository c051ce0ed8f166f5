"""Rates: the generic cell rate algorithm (GCRA), which needs one number a key and no timer."""

from typing import NamedTuple

import msgspec


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most `burst` at once and `per_second` for ever: in any t seconds at most burst + per_second * t."""

    per_second: float
    burst: int


class Admission(NamedTuple):
    """The next arrival time to remember, and how many seconds to wait: 0 for what is admitted."""

    arrival: float
    wait: float


def admission(arrival: float, now: float, *, rate: Rate) -> Admission:
    """Decide on one call at `now`, where `arrival` is what the call before left behind (0 for the first).

    A clock that was set back leaves the key without its burst, but never locked out.
    """
    interval = 1.0 / rate.per_second
    tolerance = rate.burst * interval
    arrival = min(max(arrival, now), now + tolerance)
    after = arrival + interval
    # Rounding must not cost the last call of a burst: a nanosecond is less than any clock sees.
    wait = after - tolerance - now
    return Admission(after, 0.0) if wait <= 1e-9 else Admission(arrival, wait)
