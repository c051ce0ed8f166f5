"""The way into a SQLite store: whole and not behind what was acknowledged, or read-only."""

from pathlib import Path

from burgee.adapters.high_water import Mark
from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.sqlite.failures import ADVICE
from burgee.adapters.sqlite.store import SqliteFlagStore, high_water_of
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import StoreDamagedError, StoreRefusedError, UnavailableError
from burgee.model.audit import GENESIS_HASH
from burgee.model.snapshot import StoreSnapshot
from burgee.ports import Clock, FlagStore, SnapshotFile


def open_sqlite_store(
    path: str | Path, *, clock: Clock, snapshot_file: SnapshotFile, vfs: str | None = None
) -> FlagStore:
    """The store at `path`, made where nothing is known to have been there before.

    Where the file is missing, empty, damaged, or behind the high-water mark or the snapshot, what comes
    back has a `read_only_reason`: its reads are those of the last good snapshot (or of the database, where
    that is whole and newer), and its writes raise ReadOnlyError.

    Raises StoreRefusedError for a newer schema, and for a file that is unusable while no snapshot is left.
    """
    path = Path(path).absolute()
    snapshot = snapshot_file.load()
    mark = _highest(high_water_of(path).read(), snapshot)
    try:
        return _open_whole(path, clock, mark, vfs)
    except (StoreDamagedError, UnavailableError) as error:
        return _open_read_only(path, clock, snapshot, str(error), vfs)


def _open_whole(path: Path, clock: Clock, mark: Mark, vfs: str | None) -> SqliteFlagStore:
    if mark.sequence and _is_blank(path):
        raise StoreDamagedError(
            f"{path.name} is missing or empty, but event {mark.sequence} was acknowledged"
        )
    store = SqliteFlagStore(path, clock, vfs=vfs)
    try:
        store.verify()
        store.require(mark)
    except BaseException:
        store.close()
        raise
    return store


def _open_read_only(
    path: Path, clock: Clock, snapshot: StoreSnapshot | None, problem: str, vfs: str | None
) -> FlagStore:
    database = _whole_part(path, clock, vfs)
    known = snapshot.audit_sequence if snapshot is not None else 0
    if database is not None and database.audit_head()[0] >= known:
        return ReadOnlyFlagStore(database, reason=f"{problem}; serving the database as it is; {ADVICE}")
    if database is not None:
        database.close()
    if snapshot is None:
        raise StoreRefusedError(f"{problem}, and there is no snapshot to serve; {ADVICE}")
    inner = MemoryFlagStore(clock, initial=snapshot)
    return ReadOnlyFlagStore(
        inner, reason=f"{problem}; serving the snapshot taken at audit event {known}; {ADVICE}"
    )


def _whole_part(path: Path, clock: Clock, vfs: str | None) -> SqliteFlagStore | None:
    """The database where what is left of it is whole, though behind."""
    if _is_blank(path):
        return None
    try:
        return _open_whole(path, clock, Mark(), vfs)
    except UnavailableError:
        return None


def _highest(mark: Mark, snapshot: StoreSnapshot | None) -> Mark:
    if snapshot is None or snapshot.audit_sequence <= mark.sequence:
        return mark
    return Mark(sequence=snapshot.audit_sequence, hash=snapshot.audit_hash or GENESIS_HASH)


def _is_blank(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0
