"""Flags, flag sets, their history and their audit, and the file that the last snapshot is kept in."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.change import ChangeSet, IdempotencyRecord
from burgee.model.flag import Flag, FlagStatus, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot, StoreSnapshot


class FlagQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags to list. Results are ordered by (flag_set, key), starting after `after` (keyset paging)."""

    within: tuple[str, ...] | None = None
    """The flag sets that may be looked at, whatever else is asked for; None means all, () none."""
    flag_set: str | None = None
    status: FlagStatus | None = None
    tag: str | None = None
    search: str = ""
    """Case-insensitive substring of key, name or description."""
    after: tuple[str, str] | None = None
    limit: int = 100


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which audit events to list, newest first, starting below sequence `before`.

    `since` is included, `until` is not.
    """

    within: tuple[str, ...] | None = None
    """The flag sets whose events may be looked at, whatever else is asked for; None means all events."""
    actor: str | None = None
    flag_set: str | None = None
    flag_key: str | None = None
    action: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None
    limit: int = 100


class FlagStore(Protocol):
    """Flags, flag sets, their history and their audit, in one store with one write path.

    Every method may raise UnavailableError, and its subclass StoreDamagedError where what is stored fails
    its hash: callers then keep the last good answer. Thread-safe: callers use it from several threads.
    """

    @property
    def read_only_reason(self) -> str | None:
        """Why every write raises ReadOnlyError until an operator acts; None for a store in order."""
        ...

    def flag_sets(self) -> tuple[FlagSet, ...]:
        """All flag sets, ordered by (priority, key)."""
        ...

    def flag_set(self, key: str) -> FlagSet | None: ...

    def flag(self, flag_set: str, key: str) -> Flag | None: ...

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        """The living flag of that id; ids are matched to the letter."""
        ...

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        """At most `query.limit` flags; fewer means that there are no more."""
        ...

    def snapshot(self, flag_set: str) -> Snapshot | None:
        """The whole set at one revision, consistent even while others write."""
        ...

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        """History, newest version first, only versions below `before`; empty for an unknown key."""
        ...

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        """What the flag was at `revision` of its set: its last step at or below it."""
        ...

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        """The newest step of each flag that changed after `revision`, ordered by key."""
        ...

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        """The tombstone of a deleted key, None where the key lives or never lived."""
        ...

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        """Write all of `changes` durably, or nothing.

        Raises VersionConflictError where a set's revision or a flag's version is not the expected one,
        IdempotencyReuseError where the key of an idempotency record was used for another request,
        AlreadyExistsError where it was used for this very request (which is then already applied),
        ReadOnlyError, StoreFullError, and ValueError for a change set that no publisher may make.
        """
        ...

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        """Record an event that publishes nothing (a sign-in, a refusal)."""
        ...

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]: ...

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        """Events with sequence >= `first`, oldest first, for verification and for the outbox."""
        ...

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the last event; (0, GENESIS_HASH) where there is none."""
        ...

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        """The unexpired record of that key and actor."""
        ...

    def change_token(self) -> int:
        """A cheap number that differs once anything was committed since the last call, by any process."""
        ...

    def close(self) -> None: ...


class SnapshotFile(Protocol):
    """Where the last good snapshot is kept for start-up and for the high-water mark."""

    def load(self) -> StoreSnapshot | None:
        """The last snapshot saved, None where there is none or it fails its hash."""
        ...

    def save(self, snapshot: StoreSnapshot) -> None:
        """Replace the file atomically; one with a lower audit sequence never replaces a higher one."""
        ...
