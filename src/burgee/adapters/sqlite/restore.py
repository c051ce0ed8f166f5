"""Restoring a whole store beside the place where it will be; it is moved there once it is complete."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from burgee.adapters.high_water import Mark
from burgee.adapters.sqlite import restored_rows
from burgee.adapters.sqlite.failures import translated
from burgee.adapters.sqlite.migration_source import SqliteBeside
from burgee.adapters.sqlite.overrides import SqliteOverrideStore
from burgee.adapters.sqlite.rows import audit, overrides
from burgee.adapters.sqlite.store import SqliteFlagStore, high_water_of
from burgee.errors import ConflictError, StoreDamagedError
from burgee.model.audit import AuditEvent
from burgee.model.flag_set import FlagSet
from burgee.model.usage import UsageCount
from burgee.ports import Clock, OverrideMark
from burgee.ports.migration import (
    FlagHistory,
    Holding,
    Holds,
    LastEvaluated,
    OverridePage,
    Record,
    StoreParts,
)

_JOB = """
CREATE TABLE migration (job TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE migration_progress (kind TEXT PRIMARY KEY NOT NULL, position TEXT NOT NULL) STRICT;
"""
_NO_JOB = "DROP TABLE IF EXISTS migration_progress; DROP TABLE IF EXISTS migration;"
_IS_JOB = "SELECT count(*) FROM sqlite_schema WHERE name IN ('migration', 'migration_progress')"


class SqliteRestore:
    """A Restore of the database at `path` and of the counts at `usage`.

    Both are written as `...-migration` beside their place, a transaction for each page, and renamed at the
    end: no server ever opens half of one.
    """

    def __init__(self, path: Path, usage: Path, clock: Clock) -> None:
        self._path, self._usage, self._clock = path, usage, clock
        self._work = path.with_name(f"{path.name}-migration")
        self._usage_work = usage.with_name(f"{usage.name}-migration")
        self._store: SqliteFlagStore | None = None
        self._counts: apsw.Connection | None = None

    def holding(self) -> Holding:
        store = self._whole()
        if store is not None:
            return store
        if high_water_of(self._path).read().sequence:
            raise ConflictError(f"a store was in {self._path.parent} and is lost: name an empty data folder")
        return self._half() or Holding(Holds.NOTHING)

    def begin(self, job: str, *, at: float) -> None:
        self.discard()
        self._work.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = self._working()
        SqliteOverrideStore(store)
        with store.connections.writing() as connection:
            connection.execute(_JOB)
            connection.execute("INSERT INTO migration VALUES (?, ?)", (job, float(at)))

    def discard(self) -> None:
        self.close()
        for file in (self._work, self._usage_work):
            _remove(file)

    def put_flags(self, flag_set: str, page: int, histories: Sequence[FlagHistory], *, position: str) -> None:
        del flag_set, page
        with self._page("flags", position) as connection:
            for history in histories:
                restored_rows.put_history(connection, history)

    def put_set(self, flag_set: FlagSet, *, position: str) -> None:
        with self._page("sets", position) as connection:
            restored_rows.put_set(connection, flag_set)

    def put_events(self, events: Sequence[AuditEvent], *, position: str) -> None:
        with self._page("events", position) as connection:
            for event in events:
                audit.write(connection, event)

    def put_overrides(self, page: OverridePage) -> None:
        with self._page("overrides", page.position) as connection:
            for sequence, override in page.overrides:
                overrides.put(connection, override, sequence=sequence)

    def put_records(self, records: Sequence[Record], *, is_first: bool) -> None:
        counts = [each for each in records if isinstance(each, UsageCount | LastEvaluated)]
        with self._working().connections.writing() as connection:
            if is_first:
                restored_rows.clear_records(connection)
            restored_rows.put_records(connection, records)
        if is_first or counts:
            with self._counting() as connection:
                if is_first:
                    restored_rows.clear_counts(connection)
                restored_rows.put_counts(connection, counts)

    def seal(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:
        with self._working().connections.writing() as connection:
            restored_rows.seal(connection, head, mark, key_changes=key_changes)

    def open(self) -> StoreParts:
        is_work = self._store is not None
        if self._store is None:
            self._store = SqliteFlagStore(self._path, self._clock)
        self._store.verify()
        return StoreParts(
            self._store, SqliteBeside(self._store, self._usage_work if is_work else self._usage)
        )

    def finish(self) -> None:
        """The counts first: the database is what makes it a store."""
        is_work = self._store is not None and self._store.path == self._work.absolute()
        self.close()
        if is_work:
            for work, place in ((self._usage_work, self._usage), (self._work, self._path)):
                if work.exists():
                    _remove(place)
                    work.replace(place)
            _sync(self._path.parent)
        with closing(SqliteFlagStore(self._path, self._clock)) as store:
            with store.connections.reading() as connection:
                is_job = connection.execute(_IS_JOB).get
            if is_job:
                with store.connections.writing() as connection:
                    connection.execute(_NO_JOB)
            head = store.audit_head()
        if head[0]:
            high_water_of(self._path).raise_to(Mark(sequence=head[0], hash=head[1]), now=self._clock())

    def close(self) -> None:
        """Close what is open; what was put stays."""
        if self._counts is not None:
            self._counts.close()
        if self._store is not None:
            self._store.close()
        self._store = self._counts = None

    # --- in detail

    @contextmanager
    def _page(self, kind: str, position: str) -> Iterator[apsw.Connection]:
        with self._working().connections.writing() as connection:
            yield connection
            connection.execute("INSERT OR REPLACE INTO migration_progress VALUES (?, ?)", (kind, position))

    def _working(self) -> SqliteFlagStore:
        if self._store is None:
            self._store = SqliteFlagStore(self._work, self._clock)
        return self._store

    @contextmanager
    def _counting(self) -> Iterator[apsw.Connection]:
        with translated(self._counts):
            if self._counts is None:
                self._counts = restored_rows.open_counts(self._usage_work)
            with self._counts:
                yield self._counts

    def _whole(self) -> Holding | None:
        if not self._path.exists() or not self._path.stat().st_size:
            return None
        with closing(SqliteFlagStore(self._path, self._clock)) as store:
            head, first = store.audit_head(), store.audit_range(first=1, limit=1)
            if not head[0] and not store.flag_sets():
                return None  # a server was started here, and nothing was done
        return Holding(Holds.STORE, began_at=first[0].at if first else None, head=head)

    def _half(self) -> Holding | None:
        """None also for a file whose making was interrupted: it holds nothing."""
        if not self._work.exists():
            return None
        try:
            with (
                closing(SqliteFlagStore(self._work, self._clock)) as store,
                store.connections.reading() as connection,
            ):
                if connection.execute(_IS_JOB).get != 2:
                    return None
                row = connection.execute("SELECT job, at FROM migration").fetchone()
                rows = connection.execute("SELECT kind, position FROM migration_progress").fetchall()
        except StoreDamagedError:
            return Holding(Holds.HALF, job="it cannot be read")
        if row is None:
            return None
        progress = {str(kind): str(position) for kind, position in rows}
        return Holding(Holds.HALF, job=str(row[0]), began_at=float(str(row[1])), progress=progress)


def _remove(path: Path) -> None:
    for ending in ("-wal", "-shm", "-high-water", ""):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
