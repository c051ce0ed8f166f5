"""Rebucketing: which subjects another generation of `fractional` would move, before it moves them."""

from collections.abc import Callable, Iterable

import msgspec

from burgee.engine.program import compile_program
from burgee.model.flag_set import FractionalGeneration
from burgee.model.json import JsonObject
from burgee.model.snapshot import Snapshot


class Move(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of `subjects` evaluated, `moved` get another variant of this flag."""

    flag_key: str
    subjects: int
    moved: int


def rebucket(
    snapshot: Snapshot,
    contexts: Iterable[JsonObject],
    *,
    before: FractionalGeneration,
    after: FractionalGeneration,
    clock: Callable[[], float],
) -> tuple[Move, ...]:
    """How many subjects would move, per flag in the order of keys.

    The two generations given go before one that the flag set pins.
    """
    unpinned = msgspec.structs.replace(snapshot.flag_set, fractional=None)
    free = msgspec.structs.replace(snapshot, flag_set=unpinned)
    old = compile_program(free, fractional=before, clock=clock)
    new = compile_program(free, fractional=after, clock=clock)
    subjects = 0
    moved = dict.fromkeys(old.flags, 0)
    for context in contexts:
        subjects += 1
        for key, flag in old.flags.items():
            one, other = flag.evaluate(context), new.flags[key].evaluate(context)
            moved[key] += one.variant != other.variant or one.error_code is not other.error_code
    return tuple(Move(flag_key=key, subjects=subjects, moved=count) for key, count in moved.items())
