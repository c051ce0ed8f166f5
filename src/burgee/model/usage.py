"""Usage: how often a flag was evaluated, to what, and when last."""

from typing import NamedTuple

import msgspec

from burgee.model.resolution import Reason

HOUR_SECONDS = 3_600


class Outcome(NamedTuple):
    """What is counted: a flag coming to a variant for a reason; `variant` "" is the caller's code default."""

    flag_set: str
    flag_key: str
    variant: str
    reason: Reason


class UsageCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often one outcome came about within the hour that starts at `hour`.

    `hour` is whole Unix seconds, `last_at` the Unix seconds of the last time, to within a flush.
    """

    flag_set: str
    flag_key: str
    hour: int
    variant: str
    reason: Reason
    count: int
    last_at: float


def hour_of(at: float) -> int:
    """The start of the hour that `at` is in."""
    return int(at // HOUR_SECONDS) * HOUR_SECONDS
