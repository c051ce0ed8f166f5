"""Overrides in the database of the flags, so that each is written with its audit event."""

from collections.abc import Iterator, Sequence

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.adapters.sqlite.commits import Commit
from burgee.adapters.sqlite.rows import overrides
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore, ReadOnlyOverrideStore
from burgee.errors import UnavailableError, VersionConflictError
from burgee.model.audit import AuditEvent
from burgee.model.override import Override, OverrideChange, check_override_change
from burgee.ports import FlagStore, OverrideMark, OverrideStore


class SqliteOverrideStore:
    """OverrideStore in the file of a SqliteFlagStore; its tables are made where they are missing.

    Raises StoreDamagedError, UnavailableError.
    """

    def __init__(self, store: SqliteFlagStore) -> None:
        self._store = store
        self._connections = store.connections
        if not has_overrides(store):
            with self._connections.writing() as connection:
                overrides.create(connection)

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        with self._connections.reading() as connection:
            stored = overrides.read(connection, flag_set, flag_key, targeting_key)
            return stored.override if stored is not None else None

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        with self._connections.reading() as connection:
            return overrides.of_subject(
                connection, targeting_key, flag_set=flag_set, after=after, limit=limit
            )

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        with self._connections.reading() as connection:
            return overrides.of_flag(connection, flag_set, flag_key, after=after, limit=limit)

    def write_override(self, change: OverrideChange) -> AuditEvent:
        return self.write_overrides([change])[0]

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_override_change(change)
        if not changes:
            return ()
        return self._store.commit_beside(lambda commit: _write(commit, changes))

    def override_mark(self) -> OverrideMark:
        with self._connections.reading() as connection:
            head = overrides.read_head(connection)
            return OverrideMark(sequence=head.sequence, count=head.count)

    def overridden_subjects(self) -> Iterator[str]:
        with self._connections.reading() as connection:
            yield from overrides.subjects(connection)

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        with self._connections.reading() as connection:
            return overrides.changed_since(connection, sequence, limit=limit)

    def change_token(self) -> int:
        return self._store.change_token()


def has_overrides(store: SqliteFlagStore) -> bool:
    """Whether the file has the tables of overrides: one written by an older Burgee does not."""
    with store.connections.reading() as connection:
        return overrides.are_there(connection)


def overrides_beside(store: FlagStore) -> OverrideStore:
    """The overrides kept with `store`; read-only where it is, and none where a snapshot stands in for it."""
    match store:
        case SqliteFlagStore():
            try:
                return SqliteOverrideStore(store)
            except UnavailableError as error:
                # An older file on a disk that is full: flags are served, and there are no overrides yet.
                return ReadOnlyOverrideStore(_readable(store), reason=f"no room for overrides: {error}")
        case MemoryFlagStore():
            return MemoryOverrideStore(store)
        case ReadOnlyFlagStore():
            return ReadOnlyOverrideStore(_readable(store.inner), reason=store.read_only_reason or "")
        case _:
            raise TypeError(f"{type(store).__name__} has no overrides")


def _readable(store: FlagStore) -> OverrideStore:
    if isinstance(store, SqliteFlagStore) and has_overrides(store):
        return SqliteOverrideStore(store)
    return MemoryOverrideStore(store if isinstance(store, MemoryFlagStore) else MemoryFlagStore(lambda: 0.0))


def _write(commit: Commit, changes: Sequence[OverrideChange]) -> None:
    head = overrides.read_head(commit.connection)
    for sequence, change in enumerate(changes, commit.last_sequence + 1):
        stored = overrides.read(commit.connection, *change.place)
        current = stored.override.version if stored is not None else 0
        if current != change.expected_version:
            message = f"the override of {change.flag_key} is at version {current}"
            raise VersionConflictError(message, current=current)
        head = overrides.write(commit.connection, change, stored, head, sequence=sequence)
    overrides.write_head(commit.connection, head)
    commit.record(change.audit for change in changes)
