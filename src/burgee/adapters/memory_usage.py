"""The reference implementation of UsageStore: counts that end with their process."""

import threading
from collections.abc import Collection, Sequence

import msgspec

from burgee.model.usage import UsageCount

Place = tuple[str, str]


class MemoryUsageStore:
    """UsageStore in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, int, str, str], UsageCount] = {}
        self._last: dict[Place, float] = {}

    def add(self, counts: Sequence[UsageCount]) -> None:
        with self._lock:
            for each in counts:
                key = (each.flag_set, each.flag_key, each.hour, each.variant, each.reason.value)
                known = self._counts.get(key)
                self._counts[key] = each if known is None else _sum(known, each)
                place = (each.flag_set, each.flag_key)
                self._last[place] = max(each.last_at, self._last.get(place, 0.0))

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:
        with self._lock:
            ordered = sorted(self._counts.items())
        return tuple(each for key, each in ordered if key[:2] == (flag_set, flag_key) and each.hour >= since)

    def last_evaluated(self, flags: Collection[Place]) -> dict[Place, float]:
        with self._lock:
            return {place: self._last[place] for place in flags if place in self._last}

    def purge(self, *, before: int) -> None:
        with self._lock:
            self._counts = {key: each for key, each in self._counts.items() if each.hour >= before}

    def close(self) -> None:
        """Nothing is held open."""


def _sum(known: UsageCount, more: UsageCount) -> UsageCount:
    return msgspec.structs.replace(
        known, count=known.count + more.count, last_at=max(known.last_at, more.last_at)
    )
