"""SqliteFlagStore: the FlagStore of one machine."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from burgee.adapters.high_water import HighWaterFile, Mark
from burgee.adapters.sqlite.commits import Commit
from burgee.adapters.sqlite.connections import Connections
from burgee.adapters.sqlite.failures import ADVICE
from burgee.adapters.sqlite.rows import audit, flag_sets, flags, head, history, idempotency
from burgee.adapters.sqlite.verification import VerifiedSets, verify_all
from burgee.adapters.wrappers.read_only import RETRY_SECONDS
from burgee.errors import ReadOnlyError, StoreDamagedError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.change import ChangeSet, IdempotencyRecord, check_change_set
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.ports import AuditQuery, Clock, FlagQuery

_REMEMBERED_IDS = 20_000
_log = logging.getLogger("burgee.store")


class SqliteFlagStore:
    """A FlagStore in one SQLite file, made where it is missing; WAL, every commit synced to disk.

    A read checks the hashes of what it reads and raises StoreDamagedError rather than answer wrongly.
    Beside the file `path` stands `path`-high-water. `open_sqlite_store` is the way in that also checks
    the whole file against that mark and falls back to a snapshot. A write that meets damage is the last one:
    from then on the store is read-only, until an operator acts.

    Raises StoreRefusedError for a newer schema, StoreDamagedError, UnavailableError.
    """

    def __init__(self, path: str | Path, clock: Clock, *, vfs: str | None = None) -> None:
        self.path = Path(path).absolute()
        self.read_only_reason: str | None = None
        self._clock = clock
        self._verified = VerifiedSets()
        self._high_water = high_water_of(self.path)
        self.connections = Connections(self.path, vfs=vfs)
        self._keys_of_ids: dict[tuple[str, str], str] = {}

    def flag_sets(self) -> tuple[FlagSet, ...]:
        with self.connections.reading() as connection:
            return tuple(stored.flag_set for stored in flag_sets.read_all(connection))

    def flag_set(self, key: str) -> FlagSet | None:
        with self.connections.reading() as connection:
            stored = flag_sets.read(connection, key)
            return None if stored is None else stored.flag_set

    def flag(self, flag_set: str, key: str) -> Flag | None:
        entity = self._current(flag_set, key)
        return entity if isinstance(entity, Flag) else None

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        flag = self._known_by_id(flag_set, flag_id)
        if flag is not None:
            return flag
        with self.connections.reading() as connection:
            self._verified.require_key(connection, flag_set)
            key = flags.key_of(connection, flag_set, flag_id)
        if key is None:
            return None
        if len(self._keys_of_ids) >= _REMEMBERED_IDS:
            self._keys_of_ids.clear()
        self._keys_of_ids[flag_set, flag_id] = key
        return self._known_by_id(flag_set, flag_id)

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        entity = self._current(flag_set, key)
        return entity if isinstance(entity, Tombstone) else None

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        with self.connections.reading() as connection:
            if query.flag_set is None:
                self._verified.require_all(connection)
            else:
                self._verified.require_key(connection, query.flag_set)
            return flags.find(connection, query)

    def snapshot(self, flag_set: str) -> Snapshot | None:
        with self.connections.reading() as connection:
            stored = flag_sets.read(connection, flag_set)
            if stored is None:
                return None
            found = flags.read_set(connection, flag_set, digest=stored.flags_digest)
            return Snapshot(flag_set=stored.flag_set, flags=found)

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        with self.connections.reading() as connection:
            newest = self._verified.version_of(connection, flag_set, key)
            if before is not None:
                newest = min(newest, before - 1)
            return history.read_versions(connection, flag_set, key, newest=newest, limit=limit)

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        with self.connections.reading() as connection:
            newest = self._verified.version_of(connection, flag_set, key)
            return history.read_at(connection, flag_set, key, revision=revision, newest=newest)

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        with self.connections.reading() as connection:
            stored = flag_sets.read(connection, flag_set)
            if stored is None:
                return ()
            current = stored.flag_set.revision
            return history.read_since(connection, flag_set, revision=revision, current=current)

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_change_set(change)
        with self._writing() as commit:
            commit.apply(changes)
        for move in commit.moves:
            self._verified.moved(move.key, before=move.before, after=move.after)
        return self._acknowledged(commit)

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        return self.commit_beside(lambda commit: commit.record([draft]))[-1]

    def commit_beside(self, write: Callable[[Commit], None]) -> tuple[AuditEvent, ...]:
        """Run `write` in one transaction, for what stands beside the flags in this file."""
        with self._writing() as commit:
            write(commit)
        return self._acknowledged(commit)

    @contextmanager
    def recording(self, draft: AuditDraft) -> Iterator[apsw.Connection]:
        """A transaction for what `draft` records: both are written when the block ends well, or neither."""
        with self._writing() as commit:
            yield commit.connection
            commit.record([draft])
        self._acknowledged(commit)

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        with self.connections.reading() as connection:
            return audit.find(connection, query)

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        with self.connections.reading() as connection:
            return audit.read_range(connection, first=first, limit=limit)

    def audit_head(self) -> tuple[int, str]:
        with self.connections.reading() as connection:
            top = head.read(connection)
            return top.audit_sequence, top.audit_hash

    def outbox(self, *, first: int, limit: int) -> tuple[tuple[int, str], ...]:
        """(audit sequence, event hash) of what waits to be sent, oldest first, from sequence `first` on."""
        with self.connections.reading() as connection:
            return audit.read_outbox(connection, first=first, limit=limit)

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        with self.connections.reading() as connection:
            return idempotency.read(connection, key, actor, now=self._clock())

    def change_token(self) -> int:
        return self.connections.token()

    def verify(self) -> None:
        """Raises StoreDamagedError unless everything that evaluation stands on is as it was committed."""
        with self.connections.reading() as connection:
            verify_all(connection, self._verified)

    def require(self, mark: Mark) -> None:
        """Raises StoreDamagedError unless the audit chain goes through `mark`."""
        with self.connections.reading() as connection:
            _require(connection, mark)
            if mark.sequence and audit.read_hash(connection, mark.sequence) != mark.hash:
                raise StoreDamagedError(f"audit event {mark.sequence} is not the one that was acknowledged")

    def close(self) -> None:
        self.connections.close()

    def _known_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        """The flag where its id was looked up before: a flag never changes its key."""
        key = self._keys_of_ids.get((flag_set, flag_id))
        flag = self.flag(flag_set, key) if key is not None else None
        return flag if flag is not None and flag.id == flag_id else None

    def _current(self, flag_set: str, key: str) -> Flag | Tombstone | None:
        with self.connections.reading() as connection:
            return self._verified.current(connection, flag_set, key)

    @contextmanager
    def _writing(self) -> Iterator[Commit]:
        if self.read_only_reason is not None:
            raise ReadOnlyError(self.read_only_reason, retry_after=RETRY_SECONDS)
        try:
            with self.connections.writing() as connection:
                # What is written behind a log that was cut meanwhile would raise the mark and cover that up.
                # A mark is raised after its commit: whoever may write sees all that any mark speaks of.
                _require(connection, self._high_water.read())
                yield Commit(connection, now=self._clock(), verified=self._verified)
        except StoreDamagedError as error:
            # Trying again heals nothing, and what is written around damage makes the repair harder.
            self.read_only_reason = f"{error}; serving what can be read; {ADVICE}"
            _log.error("store.damaged", extra={"problem": str(error)})
            raise ReadOnlyError(self.read_only_reason, retry_after=RETRY_SECONDS) from error

    def _acknowledged(self, commit: Commit) -> tuple[AuditEvent, ...]:
        if commit.events:
            last = commit.events[-1]
            self._high_water.raise_to(Mark(sequence=last.sequence, hash=last.hash), now=self._clock())
        return tuple(commit.events)


def _require(connection: apsw.Connection, mark: Mark) -> None:
    """Raises StoreDamagedError where the log ends before `mark`, or goes past it with another event."""
    if not mark.sequence:
        return
    top = head.read(connection)
    last = top.audit_sequence
    if last < mark.sequence:
        raise StoreDamagedError(
            f"the database ends at audit event {last}, but event {mark.sequence} was acknowledged"
        )
    known = top.audit_hash if last == mark.sequence else audit.read_hash(connection, mark.sequence)
    if known != mark.hash:
        raise StoreDamagedError(f"audit event {mark.sequence} is not the one that was acknowledged")


def high_water_of(path: Path) -> HighWaterFile:
    """The high-water mark of the database at `path`."""
    return HighWaterFile(path.with_name(path.name + "-high-water"))
