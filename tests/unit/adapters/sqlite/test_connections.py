"""Failing disks: full, refusing to write, refusing to sync."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import StoreFullError, UnavailableError
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.power_cut import Operation, PowerCutDisk
from burgee.testing.publishing import next_change, publish
from burgee.testing.store_checks import disagreements


class FailingDisk:
    """A disk that refuses the operations in `failing`."""

    def __init__(self) -> None:
        self.failing: set[Operation] = set()
        self.disk = PowerCutDisk("failing-disk", watch=self._watch)

    def _watch(self, operation: Operation, _path: Path) -> None:
        if operation in self.failing:
            raise apsw.IOError(f"{operation} failed")


@pytest.fixture
def failing() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    yield disk
    disk.disk.unregister()


@pytest.mark.parametrize("operation", ["sync", "write"])
def test_a_commit_that_the_disk_refuses_is_not_acknowledged_and_does_not_come_back(
    tmp_path: Path, failing: FailingDisk, operation: Operation
) -> None:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY, vfs="failing-disk")
    publish(store, a_flag(name="kept"))
    change = next_change(store, a_flag(name="phantom"))
    failing.failing = {operation}
    with pytest.raises(UnavailableError):
        store.commit([change])
    failing.failing = set()
    flag = store.flag("checkout", "banner-colour")
    assert flag is not None
    assert flag.name == "kept"
    events = publish(store, a_flag(name="next"))
    assert events[0].sequence == 2
    assert disagreements(store) == []
    store.close()


def test_a_commit_whose_sync_failed_once_is_gone_after_a_crash(tmp_path: Path, failing: FailingDisk) -> None:
    """Its frames lay whole in the log: only what was written over them keeps a restart from using them."""
    folder, after = tmp_path / "before", tmp_path / "after"
    folder.mkdir()
    after.mkdir()
    store = SqliteFlagStore(folder / "flags.db", lambda: THE_DAY, vfs="failing-disk")
    publish(store, a_flag(name="kept"))
    change = next_change(store, a_flag(name="phantom"))
    watch, failed = failing.disk.watch, list[Path]()

    def fail_once(operation: Operation, path: Path) -> None:
        if operation == "sync" and not failed:
            failed.append(path)
            raise apsw.IOError("sync failed")

    failing.disk.watch = fail_once
    with pytest.raises(UnavailableError):
        store.commit([change])
    failing.disk.watch = watch
    assert failed == [folder / "flags.db-wal"]
    for path in folder.iterdir():
        if not path.name.endswith("-shm"):
            (after / path.name).write_bytes(path.read_bytes())
    store.close()
    restarted = SqliteFlagStore(after / "flags.db", lambda: THE_DAY)
    flag = restarted.flag("checkout", "banner-colour")
    assert flag is not None
    assert flag.name == "kept"
    assert disagreements(restarted) == []


def test_a_disk_that_fails_now_and_then_loses_nothing_and_invents_nothing(
    tmp_path: Path, failing: FailingDisk
) -> None:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY, vfs="failing-disk")
    publish(store, a_flag())
    dice, acknowledged, refused = random.Random(5), ["Banner colour"], 0

    def watch(operation: Operation, _path: Path) -> None:
        if dice.random() < 0.02:
            raise apsw.IOError(f"{operation} failed")

    quiet, failing.disk.watch = failing.disk.watch, watch
    for number in range(150):
        try:
            publish(store, a_flag(name=str(number)))
            acknowledged.append(str(number))
        except UnavailableError:
            refused += 1
    failing.disk.watch = quiet
    steps = store.flag_versions("checkout", "banner-colour", limit=1000)
    names = [step.flag.name for step in reversed(steps) if step.flag is not None]
    assert refused > 5
    assert names == acknowledged
    assert disagreements(store) == []
    store.close()


FULL = """
import resource, signal, sys
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import StoreFullError
from burgee.testing.builders import a_flag
from burgee.testing.publishing import publish
from burgee.testing.store_checks import disagreements

store = SqliteFlagStore(sys.argv[1], lambda: 0.0)
publish(store, a_flag())
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
written = 0
try:
    while written < 1000:
        publish(store, a_flag(description="x" * 2000))
        written += 1
except StoreFullError as error:
    assert error.retry_after > 1
    print("full")
for _ in range(20):
    try:
        publish(store, a_flag(description="x" * 2000))
    except StoreFullError:
        pass
assert disagreements(store) == []
assert len(store.snapshot("checkout").flags) == 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
publish(store, a_flag(name="room again"))
assert store.flag("checkout", "banner-colour").name == "room again"
assert disagreements(store) == []
print("recovered")
"""


def test_a_full_disk_refuses_writes_goes_on_reading_and_recovers_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "flags.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["full", "recovered"], done.stderr


def test_a_database_at_its_largest_size_is_full(tmp_path: Path) -> None:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    publish(store, a_flag())
    with store.connections.writing() as connection:
        connection.execute("PRAGMA max_page_count = 30")
    with pytest.raises(StoreFullError):
        publish(store, a_flag(description="x" * 200_000))
    assert disagreements(store) == []
