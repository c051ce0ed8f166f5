"""Restoring a whole store into an empty database, in one transaction."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import apsw

from burgee.adapters.high_water import Mark
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.rows import audit, flag_sets, flags, head, history, overrides
from burgee.adapters.sqlite.rows.head import Head
from burgee.adapters.sqlite.rows.overrides import OverrideHead
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys, write_key
from burgee.adapters.sqlite.seals import EMPTY_DIGEST, toggled
from burgee.adapters.sqlite.store import SqliteFlagStore, high_water_of
from burgee.errors import ConflictError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.override import Override, OverrideChange
from burgee.model.sdk_key import SdkKey
from burgee.ports import Clock, OverrideMark
from burgee.ports.migration import SetHistory, StoreParts

_NO_EVENT = AuditDraft(at=0, actor="", action="", entity="")


class SqliteRestore:
    """A Restore into the database at `path`; nothing is there before `finish`, and then everything."""

    survives = False

    def __init__(self, path: str | Path, clock: Clock) -> None:
        self._path, self._clock = Path(path), clock
        self._stack = ExitStack()
        self._store: SqliteFlagStore | None = None
        self._connection: apsw.Connection | None = None
        self._sets_digest = EMPTY_DIGEST
        self._uses: dict[str, float] = {}
        self._overrides = OverrideHead()

    def begin(self) -> None:
        self._store = SqliteFlagStore(self._path, self._clock)
        if self._store.audit_head()[0] or self._store.flag_sets():
            raise ConflictError(f"{self._path} holds a store already: name an empty data folder")
        SqliteOverrideStore(self._store)
        self._connection = self._stack.enter_context(self._store.connections.writing())

    def put_set(self, history_of_set: SetHistory) -> None:
        connection = self._writing()
        digest, by_revision = EMPTY_DIGEST, dict[int, bytes]()
        for entity in history_of_set.entities:
            digest = toggled(digest, flags.write(connection, entity))
        for step in history_of_set.steps:
            seal = history.write(connection, step)
            by_revision[step.revision] = toggled(by_revision.get(step.revision, EMPTY_DIGEST), seal)
        key = history_of_set.flag_set.key
        for revision in range(1, history_of_set.flag_set.revision + 1):
            history.write_revision(connection, key, revision, digest=by_revision.get(revision, EMPTY_DIGEST))
        seal = flag_sets.write(connection, history_of_set.flag_set, flags_digest=digest)
        self._sets_digest = toggled(self._sets_digest, seal)

    def put_events(self, events: Sequence[AuditEvent]) -> None:
        for event in events:
            audit.write(self._writing(), event)

    def put_overrides(self, some: Sequence[tuple[int, Override]]) -> None:
        for sequence, override in some:
            change = OverrideChange(
                flag_set=override.flag_set,
                flag_key=override.flag_key,
                targeting_key=override.targeting_key,
                expected_version=0,
                override=override,
                audit=_NO_EVENT,
            )
            self._overrides = overrides.write(
                self._writing(), change, None, self._overrides, sequence=sequence
            )

    def put_keys(self, keys: Sequence[SdkKey]) -> None:
        for key in keys:
            write_key(self._writing(), key)
            if key.last_used_at is not None:
                self._uses[key.id] = key.last_used_at

    def finish(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:  # noqa: ARG002
        connection = self._writing()
        put_head(connection, head, self._sets_digest)
        overrides.write_head(
            connection,
            OverrideHead(sequence=mark.sequence, count=self._overrides.count, digest=self._overrides.digest),
        )
        self._stack.close()
        assert self._store is not None
        SqliteSdkKeys(self._store).note_sdk_key_uses(self._uses)
        high_water_of(self._path.absolute()).raise_to(Mark(sequence=head[0], hash=head[1]), now=self._clock())

    def open(self) -> StoreParts:
        if self._store is None:
            self._store = SqliteFlagStore(self._path, self._clock)
        self._store.verify()
        return StoreParts(self._store, SqliteOverrideStore(self._store), SqliteSdkKeys(self._store))

    def close(self) -> None:
        """Give up what is not finished, and close the database."""
        if self._connection is not None:
            self._stack.pop_all().__exit__(RuntimeError, RuntimeError("not finished"), None)
        if self._store is not None:
            self._store.close()

    def _writing(self) -> apsw.Connection:
        assert self._connection is not None, "begin comes first"
        return self._connection


def put_head(connection: apsw.Connection, audit_head: tuple[int, str], sets_digest: bytes) -> None:
    """Write the head row of a restored store."""
    sequence, audit_hash = audit_head
    head.write(connection, Head(audit_sequence=sequence, audit_hash=audit_hash, sets_digest=sets_digest))
