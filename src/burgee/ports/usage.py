"""Counts of evaluations."""

from collections.abc import Collection, Sequence
from typing import Protocol

from burgee.model.usage import UsageCount


class UsageStore(Protocol):
    """Counts of evaluations, of all workers. Thread-safe; every method may raise UnavailableError."""

    def add(self, counts: Sequence[UsageCount]) -> None:
        """Add to what is counted already; the later `last_at` of a flag stays. All of it or nothing."""
        ...

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:
        """The counts of a flag in the hours from `since` on, ordered by (hour, variant, reason)."""
        ...

    def last_evaluated(self, flags: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Unix seconds by (flag set, key); flags that were never evaluated are missing."""
        ...

    def purge(self, *, before: int) -> None:
        """Forget the counts of the hours before `before`; when a flag was last evaluated stays known."""
        ...

    def close(self) -> None: ...
