"""Access times: both adapters keep the contract; SQLite's are kept in the file and beside the flags."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.adapters.access_times import MemoryAccessTimes
from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.sqlite.access_times import SqliteAccessTimes, access_times_beside
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.ports import AccessTimes
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.contracts import AccessTimesContract
from burgee.testing.publishing import publish


class TestMemoryAccessTimes(AccessTimesContract):
    def make_times(self) -> AccessTimes:
        return MemoryAccessTimes()


class TestSqliteAccessTimes(AccessTimesContract):
    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "flags.db"
        self.store = SqliteFlagStore(self.path, lambda: THE_DAY)
        yield
        self.store.close()

    def make_times(self) -> AccessTimes:
        return SqliteAccessTimes(self.store)

    def test_another_process_sees_them_and_they_outlive_both(self) -> None:
        other = SqliteFlagStore(self.path, lambda: THE_DAY)
        SqliteAccessTimes(other).note({"a": 5.0})
        SqliteAccessTimes(self.store).note({"a": 4.0, "b": 1.0})
        assert SqliteAccessTimes(other).last("b") == 1.0
        other.close()
        again = SqliteFlagStore(self.path, lambda: THE_DAY)
        assert SqliteAccessTimes(again).last("a") == 5.0
        again.close()

    def test_a_note_leaves_flags_audit_and_verification_as_they_are(self) -> None:
        publish(self.store, a_flag())
        before = (self.store.snapshot("checkout"), self.store.audit_head())
        SqliteAccessTimes(self.store).note({a_flag().id: 5.0, "an id that no flag has": 6.0})
        self.store.verify()
        assert (self.store.snapshot("checkout"), self.store.audit_head()) == before

    def test_asking_writes_nothing(self) -> None:
        token = self.store.change_token()
        assert SqliteAccessTimes(self.store).last("a") is None
        assert self.store.change_token() == token


def test_times_are_kept_where_the_flags_are(tmp_path: Path) -> None:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    assert isinstance(access_times_beside(store), SqliteAccessTimes)
    assert isinstance(access_times_beside(MemoryFlagStore(lambda: THE_DAY)), MemoryAccessTimes)
    store.close()
