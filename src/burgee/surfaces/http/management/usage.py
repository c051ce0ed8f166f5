"""Usage of flags: what a list says of it, and the counts of one flag by hour."""

import msgspec

from burgee.errors import UnavailableError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag
from burgee.model.resolution import Reason
from burgee.surfaces.http.exchange import Answer, Call, json_answer

DEFAULT_HOURS = 24


class FlagListing(Flag, frozen=True, kw_only=True, rename="camel"):
    """A flag as a list shows it; `lastEvaluatedAt` is null where that never was, or is not known now."""

    last_evaluated_at: float | None = None


class CountView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Evaluations that came to a variant for a reason, within the hour that starts at `hour` (Unix seconds).

    `variant` null is the caller's code default.
    """

    hour: int
    variant: str | None
    reason: Reason
    count: int


class UsageView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How one flag was evaluated: the counts of the hours asked for, oldest first, and their sum."""

    flag_set: str
    key: str
    last_evaluated_at: float | None
    total: int
    items: tuple[CountView, ...]


def flag_usage(call: Call) -> Answer:
    """How often the flag was evaluated, to what, by hour."""
    flag = call.services.browser.flag(call.text("flagSet", DEFAULT_FLAG_SET), call.text("key"))
    usage = call.services.usage.of_flag(flag, hours=call.integer("hours", DEFAULT_HOURS))
    view = UsageView(
        flag_set=flag.flag_set,
        key=flag.key,
        last_evaluated_at=usage.last_evaluated_at,
        total=sum([each.count for each in usage.counts]),
        items=tuple(
            CountView(hour=each.hour, variant=each.variant or None, reason=each.reason, count=each.count)
            for each in usage.counts
        ),
    )
    return json_answer(view)


def listings(call: Call, flags: tuple[Flag, ...]) -> tuple[FlagListing, ...]:
    """`flags` with when they were last evaluated; with `staleDays` only those that are stale.

    Raises UnavailableError where that was asked for and cannot be known.
    """
    usage = call.services.usage
    days = call.integer("staleDays", 0)
    try:
        last = usage.last_evaluations(flags)
    except UnavailableError:
        if days:
            raise
        last = {}  # a list of flags must not fail for its statistics
    before = usage.stale_before(days)
    return tuple(
        FlagListing(**msgspec.structs.asdict(flag), last_evaluated_at=at)
        for flag in flags
        for at in [last.get((flag.flag_set, flag.key))]
        if not days or max(flag.updated_at, at or 0) < before
    )
