import stat
import threading
from pathlib import Path

import pytest

from burgee.adapters.sqlite.sign_in_codes import SqliteSignInCodes
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import ReadOnlyError, StoreDamagedError, UnavailableError, VersionConflictError
from burgee.ports import Clock, FlagQuery, FlagStore, SignInCodes
from burgee.testing.builders import THE_DAY, a_flag, an_audit_draft
from burgee.testing.contracts import FlagStoreContract, SignInCodesContract
from burgee.testing.publishing import next_change, publish


class TestSqliteFlagStore(FlagStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_store(self, clock: Clock) -> FlagStore:
        return SqliteFlagStore(self.folder / "flags.db", clock)


class TestSqliteSignInCodes(SignInCodesContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_codes(self) -> SignInCodes:
        return SqliteSignInCodes(SqliteFlagStore(self.folder / "flags.db", lambda: THE_DAY))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flags.db"


def opened(path: Path) -> SqliteFlagStore:
    return SqliteFlagStore(path, lambda: THE_DAY)


def test_everything_is_there_after_closing_and_opening_again(path: Path) -> None:
    store = opened(path)
    publish(store, a_flag(), a_flag(key="b"))
    publish(store, a_flag(name="second"), delete=["b"])
    before = FlagStoreContract.everything(store)
    store.close()
    assert FlagStoreContract.everything(opened(path)) == before


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    store = opened(path)
    publish(store, a_flag())
    files = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert files == dict.fromkeys(("flags.db", "flags.db-wal", "flags.db-shm", "flags.db-high-water"), 0o600)


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    opened(path).close()
    path.chmod(0o644)
    opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_event_has_an_outbox_row_of_the_same_hash(path: Path) -> None:
    store = opened(path)
    events = (*publish(store, a_flag(), a_flag(key="b")), store.append_audit(an_audit_draft()))
    assert store.outbox(first=1, limit=10) == tuple((event.sequence, event.hash) for event in events)
    assert store.outbox(first=2, limit=1) == ((2, events[1].hash),)


def test_a_commit_by_another_process_changes_the_token_once(path: Path) -> None:
    ours, theirs = opened(path), opened(path)
    token = ours.change_token()
    publish(theirs, a_flag())
    assert ours.change_token() != token
    assert ours.change_token() == ours.change_token()


def test_a_commit_by_another_process_is_read_at_once(path: Path) -> None:
    ours, theirs = opened(path), opened(path)
    assert ours.find_flags(FlagQuery()) == ()
    publish(theirs, a_flag())
    assert len(ours.find_flags(FlagQuery())) == 1
    publish(ours, a_flag(key="b"))
    assert len(theirs.find_flags(FlagQuery())) == 2


def test_of_two_writers_who_read_the_same_version_one_is_told(path: Path) -> None:
    ours, theirs = opened(path), opened(path)
    change = next_change(ours, a_flag())
    publish(theirs, a_flag())
    with pytest.raises(VersionConflictError) as caught:
        ours.commit([change])
    assert caught.value.current == 1


def test_threads_may_write_and_read_one_store_at_once(path: Path) -> None:
    store = opened(path)
    publish(store, a_flag())
    failures: list[Exception] = []

    def work(number: int) -> None:
        for _ in range(20):
            try:
                publish(
                    store, a_flag(key=f"flag-{number}", flag_set=f"set-{number}"), flag_set=f"set-{number}"
                )
                assert store.snapshot("checkout") is not None
                assert store.change_token() > 0
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.audit_head()[0] == 121


def test_a_snapshot_is_of_one_revision_while_others_write(path: Path) -> None:
    store, writer = opened(path), opened(path)
    publish(store, a_flag(key="a"), a_flag(key="b"))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            publish(writer, a_flag(key="a"), a_flag(key="b"))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(100):
            snapshot = store.snapshot("checkout")
            assert snapshot is not None
            assert {flag.version for flag in snapshot.flags} == {snapshot.flag_set.revision}
    finally:
        stop.set()
        thread.join()


def test_a_store_that_is_closed_says_so_and_may_be_closed_again(path: Path) -> None:
    store = opened(path)
    store.close()
    store.close()
    with pytest.raises(UnavailableError):
        store.flag_sets()
    with pytest.raises(UnavailableError):
        publish(store, a_flag())


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_deleted_under_a_running_store_stops_its_writes(path: Path, suffix: str) -> None:
    store = opened(path)
    publish(store, a_flag())
    change = next_change(store, a_flag())
    path.with_name(path.name + suffix).unlink()
    with pytest.raises(ReadOnlyError, match="deleted or replaced"):
        store.commit([change])


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        opened(tmp_path / "missing" / "flags.db")


def test_another_process_that_holds_the_file_makes_a_writer_wait_and_then_give_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burgee.adapters.sqlite.connections.BUSY_MILLISECONDS", 50)
    ours, theirs = opened(path), opened(path)
    change = next_change(ours, a_flag())
    with theirs.connections.writing(), pytest.raises(UnavailableError) as caught:
        ours.commit([change])
    assert not isinstance(caught.value, ReadOnlyError | StoreDamagedError)
    assert ours.commit([change])
