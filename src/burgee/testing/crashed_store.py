"""A data folder as a crash leaves it, for tests of what the next start makes of it."""

import shutil
from pathlib import Path

from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.model.snapshot import Snapshot, StoreSnapshot
from burgee.ports import FlagStore
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.publishing import publish

KEYS = [f"flag-{number}" for number in range(20)]


def opened(folder: Path) -> FlagStore:
    return open_sqlite_store(
        folder / "flags.db", clock=lambda: THE_DAY, snapshot_file=JsonSnapshotFile(folder / "snapshot")
    )


def snapshot_of(store: FlagStore) -> StoreSnapshot:
    sequence, head = store.audit_head()
    sets = tuple(found for each in store.flag_sets() if (found := store.snapshot(each.key)) is not None)
    return StoreSnapshot(sets=sets, audit_sequence=sequence, audit_hash=head, taken_at=THE_DAY)


def sets_of(store: FlagStore) -> tuple[Snapshot, ...]:
    return snapshot_of(store).sets


def crash_into(folder: Path, *, crashed: Path) -> None:
    """20 flags, 51 audit events, the last 30 commits of them in the log, and a snapshot of the last."""
    folder.mkdir()
    store = opened(folder)
    publish(store, *(a_flag(key=key) for key in KEYS))
    publish(store, a_flag(flag_set="other"), flag_set="other")
    for number in range(30):
        publish(store, a_flag(key=KEYS[number % 20], name=f"name {number}"))
    JsonSnapshotFile(folder / "snapshot").save(snapshot_of(store))
    shutil.copytree(folder, crashed)
    (crashed / "flags.db-shm").unlink()
    store.close()
