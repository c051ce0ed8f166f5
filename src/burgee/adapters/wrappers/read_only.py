"""A store that answers reads and refuses writes, with the reason."""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from burgee.errors import ReadOnlyError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.change import ChangeSet, IdempotencyRecord
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override, OverrideChange
from burgee.model.snapshot import Snapshot
from burgee.ports import AuditQuery, FlagQuery, FlagStore, OverrideMark, OverrideStore

RETRY_SECONDS = 60.0
"""What a writer is told to wait: an operator has to act first."""


class ReadOnlyFlagStore:
    """The reads of `inner`; every write raises ReadOnlyError with `reason`."""

    def __init__(self, inner: FlagStore, *, reason: str) -> None:
        self._inner = inner
        self._reason = reason

    @property
    def inner(self) -> FlagStore:
        """The store that is read."""
        return self._inner

    @property
    def read_only_reason(self) -> str | None:
        return self._reason

    def flag_sets(self) -> tuple[FlagSet, ...]:
        return self._inner.flag_sets()

    def flag_set(self, key: str) -> FlagSet | None:
        return self._inner.flag_set(key)

    def flag(self, flag_set: str, key: str) -> Flag | None:
        return self._inner.flag(flag_set, key)

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        return self._inner.flag_by_id(flag_set, flag_id)

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        return self._inner.find_flags(query)

    def snapshot(self, flag_set: str) -> Snapshot | None:
        return self._inner.snapshot(flag_set)

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        return self._inner.flag_versions(flag_set, key, before=before, limit=limit)

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        return self._inner.flag_at(flag_set, key, revision=revision)

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        return self._inner.changes_since(flag_set, revision)

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        return self._inner.tombstone(flag_set, key)

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        self._refuse(changes)

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        self._refuse(draft)

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        return self._inner.audit_events(query)

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        return self._inner.audit_range(first=first, limit=limit)

    def audit_head(self) -> tuple[int, str]:
        return self._inner.audit_head()

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        return self._inner.idempotency_record(key, actor)

    def change_token(self) -> int:
        return self._inner.change_token()

    def close(self) -> None:
        self._inner.close()

    def _refuse(self, _write: object) -> NoReturn:
        raise ReadOnlyError(self._reason, retry_after=RETRY_SECONDS)


class ReadOnlyOverrideStore:
    """The reads of `inner`; every write raises ReadOnlyError with `reason`."""

    def __init__(self, inner: OverrideStore, *, reason: str) -> None:
        self._inner = inner
        self._reason = reason

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        return self._inner.override(flag_set, flag_key, targeting_key)

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        return self._inner.overrides_of_subject(targeting_key, flag_set=flag_set, after=after, limit=limit)

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        return self._inner.overrides_of_flag(flag_set, flag_key, after=after, limit=limit)

    def write_override(self, change: OverrideChange) -> AuditEvent:
        self._refuse(change)

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        self._refuse(changes)

    def override_mark(self) -> OverrideMark:
        return self._inner.override_mark()

    def overridden_subjects(self) -> Iterator[str]:
        return self._inner.overridden_subjects()

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        return self._inner.subjects_changed_since(sequence, limit=limit)

    def change_token(self) -> int:
        return self._inner.change_token()

    def _refuse(self, _write: object) -> NoReturn:
        raise ReadOnlyError(self._reason, retry_after=RETRY_SECONDS)
