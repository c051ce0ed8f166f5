"""The SQLite keys under the contract, across processes, restarts and older files."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_sdk_keys import MemorySdkKeys
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys, sdk_keys_beside
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import ReadOnlyError, StoreDamagedError
from burgee.ports import FlagStore, SdkKeyStore
from burgee.testing.builders import THE_DAY
from burgee.testing.sdk_key_store_contract import SdkKeyStoreContract, a_key_event, an_sdk_key
from burgee.testing.workshop import HandClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flags.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteFlagStore]:
    opened = SqliteFlagStore(path, HandClock())
    yield opened
    opened.close()


class TestSqliteSdkKeys(SdkKeyStoreContract):
    @pytest.fixture(autouse=True)
    def _store(self, store: SqliteFlagStore) -> None:
        self.store = store

    def make_store(self) -> tuple[SdkKeyStore, FlagStore]:
        return SqliteSdkKeys(self.store), self.store


def test_another_process_sees_a_key_and_its_end(store: SqliteFlagStore, path: Path) -> None:
    ours, other = SqliteSdkKeys(store), SqliteFlagStore(path, HandClock())
    theirs = SqliteSdkKeys(other)
    ours.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    assert theirs.sdk_key("a1") == an_sdk_key()
    assert theirs.sdk_key_changes() == 1
    ours.revoke_sdk_key("a1", a_key_event(at=THE_DAY + 1))
    assert theirs.sdk_key_changes() == 2
    assert theirs.sdk_key("a1") == an_sdk_key(revoked_at=THE_DAY + 1)
    other.close()


def test_keys_outlive_a_restart_and_raise_the_high_water_mark(store: SqliteFlagStore, path: Path) -> None:
    SqliteSdkKeys(store).add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    store.close()
    again = SqliteFlagStore(path, HandClock())
    assert SqliteSdkKeys(again).sdk_keys() == (an_sdk_key(),)
    assert again._high_water.read().sequence == 1
    again.verify()
    again.close()


def test_a_file_from_before_there_were_keys_gets_the_tables(store: SqliteFlagStore, path: Path) -> None:
    store.close()
    connection = apsw.Connection(str(path))
    for table in ("sdk_keys", "sdk_key_uses"):
        connection.execute(f"DROP TABLE {table}")
    connection.close()
    again = SqliteFlagStore(path, HandClock())
    SqliteSdkKeys(again).add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    assert SqliteSdkKeys(again).sdk_key("a1") == an_sdk_key()
    again.close()


@pytest.mark.parametrize("column", ["name = 'other'", "content = CAST(replace(content, 'ab', 'cd') AS BLOB)"])
def test_a_key_that_was_damaged_is_never_answered(store: SqliteFlagStore, path: Path, column: str) -> None:
    keys = SqliteSdkKeys(store)
    keys.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    connection = apsw.Connection(str(path))
    connection.execute(f"UPDATE sdk_keys SET {column}")
    connection.close()
    with pytest.raises(StoreDamagedError):
        keys.sdk_key("a1")
    with pytest.raises(StoreDamagedError):
        keys.sdk_keys()


def test_a_database_that_is_only_read_still_knows_its_keys(store: SqliteFlagStore) -> None:
    SqliteSdkKeys(store).add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    keys = sdk_keys_beside(ReadOnlyFlagStore(store, reason="behind"))
    assert keys.sdk_key("a1") == an_sdk_key()
    with pytest.raises(ReadOnlyError):
        keys.revoke_sdk_key("a1", a_key_event())
    assert keys.sdk_key("a1") == an_sdk_key()


def test_the_keys_stand_in_the_file_of_the_store_or_else_in_memory(store: SqliteFlagStore) -> None:
    assert isinstance(sdk_keys_beside(store), SqliteSdkKeys)
    assert isinstance(sdk_keys_beside(MemoryFlagStore(HandClock())), MemorySdkKeys)
