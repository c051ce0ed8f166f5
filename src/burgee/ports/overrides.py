"""Overrides: subjects whose answer is pinned."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from burgee.model.audit import AuditEvent
from burgee.model.override import Override, OverrideChange


class OverrideMark(msgspec.Struct, frozen=True, kw_only=True):
    """Where the overrides stand: the audit sequence of the last change, and how many there are now."""

    sequence: int = 0
    count: int = 0


class OverrideStore(Protocol):
    """Overrides, in the store of the flags and with their audit events in its chain.

    What has expired stays until it is replaced or deleted: readers decide. Every method may raise
    UnavailableError, and StoreDamagedError where what is stored fails its hash. Thread-safe.
    """

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None: ...

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        """Ordered by (flag set, flag key), starting after `after`; fewer than `limit`: there are no more."""
        ...

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        """Ordered by targeting key, starting after `after`; fewer than `limit`: there are no more."""
        ...

    def write_override(self, change: OverrideChange) -> AuditEvent:
        """Write one change and its audit event durably, or nothing.

        Raises VersionConflictError where the version is not the expected one, ReadOnlyError, StoreFullError,
        and ValueError for a change that no use case may make.
        """
        ...

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        """As `write_override`, for many changes in one transaction; each has its own audit event."""
        ...

    def override_mark(self) -> OverrideMark:
        """Changes with every write; cheap."""
        ...

    def overridden_subjects(self) -> Iterator[str]:
        """Every subject that has an override, each once, as of one moment and not older than the last mark.

        Raises StoreDamagedError, perhaps only at the end, where what is stored is not what was written.
        """
        ...

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        """(audit sequence, subject) of each override written after `sequence` and still there, in order."""
        ...

    def change_token(self) -> int:
        """As `FlagStore.change_token`."""
        ...
