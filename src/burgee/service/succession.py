"""Succession: the flags of a set after some of them changed."""

from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter

from burgee.model.flag import Flag

_FEW = 32
_key = attrgetter("key")


def succeed(flags: tuple[Flag, ...], changed: Mapping[str, Flag | None]) -> tuple[Flag, ...]:
    """`flags` (ordered by key) with `changed` in their places; None removes. The result is ordered by key."""
    if len(changed) > _FEW:
        merged: dict[str, Flag | None] = {flag.key: flag for flag in flags}
        merged.update(changed)
        return tuple(flag for _, flag in sorted(merged.items()) if flag is not None)
    # One flag in a set of 10,000: copying pointers is cheap, hashing every key is not.
    after = list(flags)
    for key, flag in changed.items():
        place = bisect_left(after, key, key=_key)
        there = place < len(after) and after[place].key == key
        after[place : place + there] = [] if flag is None else [flag]
    return tuple(after)
