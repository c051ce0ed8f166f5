import random
import shutil
import sqlite3
from pathlib import Path

import apsw
import msgspec
import pytest

from burgee.adapters.high_water import HighWaterFile, Mark
from burgee.adapters.memory import MemorySignInCodes
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.adapters.sqlite.seals import seal_of
from burgee.adapters.sqlite.sign_in_codes import SqliteSignInCodes, sign_in_codes_beside
from burgee.errors import ReadOnlyError, StoreRefusedError, UnavailableError
from burgee.model.audit import first_broken
from burgee.model.snapshot import Snapshot, StoreSnapshot
from burgee.ports import AuditQuery, FlagQuery, FlagStore
from burgee.testing.builders import THE_DAY, a_flag, an_audit_draft
from burgee.testing.flag_store_contract import FlagStoreContract
from burgee.testing.publishing import next_change, publish

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder after a crash: 20 flags, 30 commits in the log, a snapshot of the last of them."""
    folder = tmp_path / "data"
    folder.mkdir()
    store = opened(folder)
    publish(store, *(a_flag(key=key) for key in KEYS))
    publish(store, a_flag(flag_set="other"), flag_set="other")
    for number in range(30):
        publish(store, a_flag(key=KEYS[number % 20], name=f"name {number}"))
    JsonSnapshotFile(folder / "snapshot").save(snapshot_of(store))
    crashed = tmp_path / "crashed"
    shutil.copytree(folder, crashed)
    (crashed / "flags.db-shm").unlink()
    store.close()
    return crashed


@pytest.fixture
def closed(folder: Path) -> Path:
    """The same after an orderly stop: everything is in the database file."""
    opened(folder).close()
    assert not (folder / "flags.db-wal").exists()
    return folder


def test_a_new_folder_gives_an_empty_store_that_can_be_written(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.read_only_reason is None
    assert store.flag_sets() == ()
    publish(store, a_flag())


def test_a_crashed_store_opens_whole(folder: Path) -> None:
    store = opened(folder)
    assert store.read_only_reason is None
    assert store.audit_head()[0] == 51
    publish(store, a_flag(key="next"))


def test_a_creation_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "flags.db").touch()
    store = opened(tmp_path)
    assert store.read_only_reason is None
    publish(store, a_flag())


def spoil_with_nothing(path: Path) -> None:
    path.write_bytes(b"")


def spoil_with_garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def spoil_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : len(content) - 4096] = bytes(len(content) - 8192)
    path.write_bytes(content)


def spoil_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_with_an_empty_database(path: Path) -> None:
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (a)")
    other.close()


SPOILERS = [
    Path.unlink,
    spoil_with_nothing,
    spoil_with_garbage,
    spoil_the_middle,
    spoil_the_end,
    spoil_with_an_empty_database,
]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
class TestADatabaseThatIsGoneOrDamaged:
    def spoiled(self, closed: Path, spoil: object) -> Path:
        assert callable(spoil)
        spoil(closed / "flags.db")
        return closed

    def test_the_snapshot_answers_as_before(self, closed: Path, spoil: object) -> None:
        before = opened(closed)
        expected = sets_of(before)
        before.close()
        store = opened(self.spoiled(closed, spoil))
        assert sets_of(store) == expected
        assert store.flag("checkout", "flag-3") == next(f for f in expected[0].flags if f.key == "flag-3")

    def test_the_reason_is_told_and_every_write_is_refused_with_it(self, closed: Path, spoil: object) -> None:
        store = opened(self.spoiled(closed, spoil))
        assert store.read_only_reason is not None
        assert "backup-and-recovery" in store.read_only_reason
        with pytest.raises(ReadOnlyError, match="serving the snapshot"):
            store.commit([next_change(store, a_flag())])
        with pytest.raises(ReadOnlyError):
            store.append_audit(an_audit_draft())

    def test_the_file_is_left_as_it_was_for_whoever_must_repair_it(self, closed: Path, spoil: object) -> None:
        path = self.spoiled(closed, spoil) / "flags.db"
        before = path.read_bytes() if path.exists() else None
        opened(closed).close()
        assert (path.read_bytes() if path.exists() else None) == before

    def test_without_a_snapshot_it_is_refused_rather_than_started_empty(
        self, closed: Path, spoil: object
    ) -> None:
        (closed / "snapshot").unlink()
        with pytest.raises(StoreRefusedError, match=r"no snapshot|not one of Burgee's"):
            opened(self.spoiled(closed, spoil))

    def test_a_snapshot_alone_is_mark_enough(self, closed: Path, spoil: object) -> None:
        (closed / "flags.db-high-water").unlink()
        assert opened(self.spoiled(closed, spoil)).read_only_reason is not None


def drop_log(log: Path) -> None:
    log.unlink()


def zero_log(log: Path) -> None:
    log.write_bytes(bytes(log.stat().st_size))


def flip_in_log(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 16
    log.write_bytes(content)


def cut_log(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])


@pytest.mark.parametrize("damage", [drop_log, zero_log, flip_in_log, cut_log], ids=lambda each: each.__name__)
@pytest.mark.parametrize("with_snapshot", [True, False])
def test_a_damaged_log_never_rolls_back_in_silence(folder: Path, damage: object, with_snapshot: bool) -> None:
    assert callable(damage)
    damage(folder / "flags.db-wal")
    if not with_snapshot:
        (folder / "snapshot").unlink()
    try:
        store = opened(folder)
    except StoreRefusedError:
        assert not with_snapshot
        return
    assert store.read_only_reason is not None
    assert "51" in store.read_only_reason
    if with_snapshot:
        assert store.audit_head()[0] == 51


def test_a_flip_anywhere_in_the_log_is_noticed_or_harmless(folder: Path) -> None:
    log = folder / "flags.db-wal"
    whole, expected = log.read_bytes(), JsonSnapshotFile(folder / "snapshot").load()
    assert expected is not None
    database, dice = (folder / "flags.db").read_bytes(), random.Random(7)
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        log.write_bytes(flipped)
        (folder / "flags.db").write_bytes(database)
        store = opened(folder)
        assert sets_of(store) == expected.sets
        assert store.read_only_reason is not None or store.audit_head()[0] == 51
        store.close()


def test_a_database_behind_the_mark_but_ahead_of_the_snapshot_is_served_as_it_is(closed: Path) -> None:
    store = opened(closed)
    shutil.copy(closed / "flags.db", closed / "older.db")
    publish(store, a_flag(key="flag-1", name="lost"))
    store.close()
    shutil.copy(closed / "older.db", closed / "flags.db")
    (closed / "snapshot").unlink()
    store = opened(closed)
    assert store.read_only_reason is not None
    assert "serving the database as it is" in store.read_only_reason
    assert store.audit_head()[0] == 51
    assert len(store.flag_versions("checkout", "flag-1")) > 1


def test_another_history_of_the_same_length_is_noticed(closed: Path) -> None:
    mark = HighWaterFile(closed / "flags.db-high-water")
    mark.raise_to(Mark(sequence=51, hash="ab" * 32), now=THE_DAY)
    assert opened(closed).read_only_reason is None, "a mark is not replaced by one of the same height"
    (closed / "flags.db-high-water").unlink()
    mark.raise_to(Mark(sequence=51, hash="ab" * 32), now=THE_DAY)
    reason = opened(closed).read_only_reason
    assert reason is not None
    assert "not the one that was acknowledged" in reason


@pytest.mark.parametrize(("version", "refused"), [(1, False), (2, True), (900, True)])
def test_a_newer_schema_is_refused_and_both_versions_are_named(
    closed: Path, version: int, refused: bool
) -> None:
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute(
        "UPDATE schema_version SET version = ?, seal = ?", (version, seal_of("schema_version", version))
    )
    other.close()
    if not refused:
        assert opened(closed).read_only_reason is None
        return
    with pytest.raises(StoreRefusedError, match=rf"schema version {version}, this Burgee knows 1"):
        opened(closed)


def test_a_schema_version_that_fails_its_hash_is_damage_and_not_a_newer_schema(closed: Path) -> None:
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute("UPDATE schema_version SET version = 5")
    other.close()
    assert opened(closed).read_only_reason is not None


def test_400_flipped_bits_give_no_wrong_value_and_every_change_of_content_is_noticed(closed: Path) -> None:
    expected = JsonSnapshotFile(closed / "snapshot").load()
    assert expected is not None
    path = closed / "flags.db"
    whole, dice = path.read_bytes(), random.Random(20261121)
    before, changed = visible(path), 0
    for _ in range(400):
        place, bit = dice.randrange(len(whole)), dice.randrange(8)
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        content_changed = visible(path) != before
        changed += content_changed
        store = opened(closed)
        assert sets_of(store) == expected.sets, f"bit {bit} of byte {place}"
        assert not content_changed or noticed(store), f"bit {bit} of byte {place}"
        store.close()
    assert changed > 100


def noticed(store: FlagStore) -> bool:
    """Whether the damage shows: at start, in the history, or by the audit chain."""
    if store.read_only_reason is not None:
        return True
    try:
        for flag in store.find_flags(FlagQuery(limit=1000)):
            store.flag_versions(flag.flag_set, flag.key)
        events = store.audit_range(first=1, limit=1000)
        chained = first_broken(events) is None and len(events) == store.audit_head()[0]
        return not chained or tuple(reversed(events)) != store.audit_events(AuditQuery(limit=1000))
    except UnavailableError:
        return True


TABLES = ("flags", "flag_sets", "flag_versions", "audit")


def visible(path: Path) -> object:
    """The flags and sets as a program without our hashes reads them."""
    try:
        plain = apsw.Connection(
            f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        return [plain.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]
    except (apsw.Error, UnicodeDecodeError) as error:
        return type(error)


def test_damage_that_strikes_while_the_store_runs_raises_and_never_answers_wrongly(closed: Path) -> None:
    store = opened(closed)
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute(
        "UPDATE flags SET content = CAST(replace(content, 'white', 'black') AS BLOB) WHERE key = 'flag-7'"
    )
    for read in (
        lambda: store.flag("checkout", "flag-7"),
        lambda: store.snapshot("checkout"),
        lambda: store.commit([next_change(store, a_flag(key="flag-7"))]),
    ):
        with pytest.raises(UnavailableError, match="hash"):
            read()
    assert store.flag("checkout", "flag-6") is not None
    assert store.snapshot("other") is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE flags SET search = CAST(x'ff' AS TEXT) WHERE key = 'flag-7'",
        "DELETE FROM flags WHERE key = 'flag-7'",
        "UPDATE flags SET flag_set = 'elsewhere' WHERE key = 'flag-7'",
        "DELETE FROM flag_sets WHERE key = 'checkout'",
        "UPDATE flag_sets SET flags_digest = zeroblob(32)",
        "DELETE FROM head",
        "UPDATE head SET audit_sequence = 50",
        "DELETE FROM audit WHERE sequence = 51",
        "UPDATE audit SET content = CAST(replace(content, 'flag-9', 'flag-8') AS BLOB) WHERE sequence = 51",
        "DELETE FROM schema_version",
        "DROP TABLE flags",
    ],
)
def test_rows_that_were_lost_or_changed_are_noticed_at_the_next_start(closed: Path, statement: str) -> None:
    expected = JsonSnapshotFile(closed / "snapshot").load()
    assert expected is not None
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute(statement)
    other.close()
    store = opened(closed)
    assert store.read_only_reason is not None
    assert sets_of(store) == expected.sets


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM flag_versions WHERE key = 'flag-7' AND version = 2",
        "UPDATE flag_versions SET revision = 1 WHERE key = 'flag-7' AND version = 2",
        "DELETE FROM flag_versions WHERE key = 'flag-7'",
    ],
)
def test_a_gap_in_the_history_is_noticed_when_it_is_read(closed: Path, statement: str) -> None:
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute(statement)
    other.close()
    store = opened(closed)
    for read in (
        lambda: store.flag_versions("checkout", "flag-7"),
        lambda: store.flag_at("checkout", "flag-7", revision=20),
        lambda: store.changes_since("checkout", 0),
    ):
        with pytest.raises(UnavailableError):
            read()
    assert len(store.flag_versions("checkout", "flag-6")) == 3


def test_an_event_that_cannot_be_read_breaks_the_chain_at_its_place(closed: Path) -> None:
    other = apsw.Connection(str(closed / "flags.db"))
    other.execute("UPDATE audit SET content = x'00ff' WHERE sequence = 17")
    other.close()
    store = opened(closed)
    events = store.audit_range(first=1, limit=100)
    assert len(events) == 51
    assert first_broken(events) == 17
    assert events[16].action == "event.unreadable"


def test_sign_in_codes_stand_in_the_file_or_in_memory_where_it_cannot_be_written(closed: Path) -> None:
    store = opened(closed)
    assert isinstance(sign_in_codes_beside(store), SqliteSignInCodes)
    store.close()
    spoil_with_nothing(closed / "flags.db")
    assert isinstance(sign_in_codes_beside(opened(closed)), MemorySignInCodes)


def test_a_read_only_store_still_answers_every_read(closed: Path) -> None:
    spoil_with_nothing(closed / "flags.db")
    store = opened(closed)
    assert FlagStoreContract.everything(store)
    assert msgspec.json.encode(store.flag_set("other"))
    assert store.tombstone("checkout", "flag-1") is None
    assert store.idempotency_record("a", "b") is None
    assert store.change_token() == store.change_token()


class TestRecovery:
    """What docs/guides/backup-and-recovery.md tells an operator to do."""

    def test_a_backup_made_while_the_store_runs_can_be_restored(self, closed: Path) -> None:
        store = opened(closed)
        expected = sets_of(store)
        copying = apsw.Connection(str(closed / "flags.db"))
        copying.execute("VACUUM INTO ?", (str(closed / "backup.db"),))
        copying.close()
        store.close()
        spoil_with_garbage(closed / "flags.db")
        shutil.copy(closed / "backup.db", closed / "flags.db")
        store = opened(closed)
        assert store.read_only_reason is None
        assert sets_of(store) == expected
        publish(store, a_flag())

    def test_an_older_backup_is_accepted_once_what_remembers_more_is_removed(self, closed: Path) -> None:
        shutil.copy(closed / "flags.db", closed / "backup.db")
        store = opened(closed)
        publish(store, a_flag())
        store.close()
        shutil.copy(closed / "backup.db", closed / "flags.db")
        assert opened(closed).read_only_reason is not None
        (closed / "flags.db-high-water").unlink()
        (closed / "snapshot").unlink()
        store = opened(closed)
        assert store.read_only_reason is None
        assert publish(store, a_flag())[0].sequence == 52
