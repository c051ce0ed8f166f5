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
from burgee.adapters.sqlite.seals import seal_of
from burgee.adapters.sqlite.sign_in_codes import SqliteSignInCodes, sign_in_codes_beside
from burgee.errors import ReadOnlyError, StoreRefusedError
from burgee.testing.builders import THE_DAY, a_flag, an_audit_draft
from burgee.testing.crashed_store import opened, sets_of
from burgee.testing.flag_store_contract import FlagStoreContract
from burgee.testing.publishing import next_change, publish


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
