"""The SQLite usage store: the contract, several processes' worth of connections, and files gone bad."""

import threading
from pathlib import Path

import apsw
import pytest

from burgee.adapters.sqlite.usage import SqliteUsageStore
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.ports import UsageStore
from burgee.testing.contracts import UsageStoreContract
from burgee.testing.usage_store_contract import a_count


class TestSqliteUsageStore(UsageStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "usage.db"

    def make_usage_store(self) -> UsageStore:
        return SqliteUsageStore(self.path)


def test_counts_survive_a_restart(tmp_path: Path) -> None:
    first = SqliteUsageStore(tmp_path / "usage.db")
    first.add([a_count()])
    first.close()
    assert SqliteUsageStore(tmp_path / "usage.db").counts("checkout", "banner", since=0) == (a_count(),)


def test_workers_with_connections_of_their_own_lose_nothing(tmp_path: Path) -> None:
    stores = [SqliteUsageStore(tmp_path / "usage.db") for _ in range(6)]
    stores[0].add([a_count(count=1)])

    def add(store: SqliteUsageStore) -> None:
        for _ in range(25):
            store.add([a_count(count=1)])

    threads = [threading.Thread(target=add, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.count for each in stores[3].counts("checkout", "banner", since=0)] == [151]


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    store = SqliteUsageStore(tmp_path / "usage.db")
    store.add([a_count()])
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"usage.db": 0o600, "usage.db-wal": 0o600, "usage.db-shm": 0o600}


def test_a_damaged_file_is_set_aside_and_begun_again(tmp_path: Path) -> None:
    (tmp_path / "usage.db").write_bytes(b"this was a database once" * 500)
    store = SqliteUsageStore(tmp_path / "usage.db")
    store.add([a_count()])
    assert store.counts("checkout", "banner", since=0) == (a_count(),)
    assert (tmp_path / "usage.db-damaged").read_bytes().startswith(b"this was")


def test_a_worker_that_may_not_repair_says_so_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "usage.db").write_bytes(b"this was a database once" * 500)
    with pytest.raises(StoreDamagedError):
        SqliteUsageStore(tmp_path / "usage.db", repair=False).add([a_count()])
    assert [file.name for file in tmp_path.iterdir()] == ["usage.db"]


def test_a_folder_that_is_not_there_yet_is_only_a_passing_failure(tmp_path: Path) -> None:
    store = SqliteUsageStore(tmp_path / "later" / "usage.db")
    with pytest.raises(UnavailableError, match="cannot be opened"):
        store.add([a_count()])
    (tmp_path / "later").mkdir()
    store.add([a_count()])
    assert len(store.counts("checkout", "banner", since=0)) == 1


def test_while_another_process_writes_for_long_nothing_is_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burgee.adapters.sqlite.usage.BUSY_MILLISECONDS", 20)
    store = SqliteUsageStore(tmp_path / "usage.db")
    store.add([a_count()])
    other = apsw.Connection(str(tmp_path / "usage.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError):
        store.add([a_count()])
    other.execute("ROLLBACK")
    assert store.counts("checkout", "banner", since=0) == (a_count(),)


def test_a_row_that_no_burgee_wrote_is_damage(tmp_path: Path) -> None:
    store = SqliteUsageStore(tmp_path / "usage.db")
    store.add([a_count()])
    apsw.Connection(str(tmp_path / "usage.db")).execute("UPDATE usage SET reason = 'BECAUSE'")
    with pytest.raises(StoreDamagedError):
        store.counts("checkout", "banner", since=0)


def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SqliteUsageStore(tmp_path / "usage.db")
    store.add([a_count()])
    store.close()
    store.close()
    with pytest.raises(UnavailableError, match="closed"):
        store.add([a_count()])
