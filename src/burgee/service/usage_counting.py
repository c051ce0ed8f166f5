"""Adding up counts of evaluations that processes without a store have logged."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from burgee.model.usage import HOUR_SECONDS, UsageCount, hour_of
from burgee.ports import Clock, UsageStore
from burgee.service.usage import KEPT_HOURS

REMEMBERED = 10_000
"""How many lines are known as counted: a log sends a line again where it does not know that it arrived."""


class Line(Protocol):
    """A line of counts; `id` is the same however often it comes."""

    @property
    def id(self) -> str: ...

    @property
    def counts(self) -> Sequence[UsageCount]: ...


class UsageCounting:
    """Adds lines to `store`, each once as far as this process remembers, all of a batch or none."""

    def __init__(self, store: UsageStore, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._known: OrderedDict[str, None] = OrderedDict()
        self._purged_hour = 0

    def add(self, lines: Iterable[Line]) -> int:
        """Count what is new in `lines`; how many outcomes that were. Raises UnavailableError."""
        new = [line for line in lines if line.id not in self._known]
        merged: dict[tuple[object, ...], UsageCount] = {}
        for line in new:
            for count in line.counts:
                key = (count.flag_set, count.flag_key, count.hour, count.variant, count.reason)
                known = merged.get(key)
                merged[key] = count if known is None else _sum(known, count)
        if merged:
            self._store.add(list(merged.values()))
        for line in new:
            self._known[line.id] = None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._purge()
        return len(merged)

    def _purge(self) -> None:
        hour = hour_of(self._clock())
        if hour != self._purged_hour:
            self._store.purge(before=hour - KEPT_HOURS * HOUR_SECONDS)
            self._purged_hour = hour


def _sum(known: UsageCount, more: UsageCount) -> UsageCount:
    return msgspec.structs.replace(
        known, count=known.count + more.count, last_at=max(known.last_at, more.last_at)
    )
