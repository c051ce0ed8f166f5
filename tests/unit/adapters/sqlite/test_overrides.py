"""Overrides in SQLite: the contract, older files, damage, and stores that cannot be written."""

from pathlib import Path

import apsw
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.sqlite.overrides import SqliteOverrideStore, has_overrides, overrides_beside
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import ReadOnlyError, StoreDamagedError
from burgee.ports import Clock, FlagStore, OverrideMark, OverrideStore
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.contracts import OverrideStoreContract
from burgee.testing.override_builders import an_override, an_override_change, override_subject
from burgee.testing.publishing import publish
from burgee.testing.store_checks import disagreements

TABLES = ("overrides", "override_head")


class TestSqliteOverrideStore(OverrideStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_flag_store(self, clock: Clock) -> FlagStore:
        return SqliteFlagStore(self.folder / "flags.db", clock)

    def make_store(self, flags: FlagStore) -> OverrideStore:
        assert isinstance(flags, SqliteFlagStore)
        return SqliteOverrideStore(flags)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flags.db"


def opened(path: Path) -> SqliteFlagStore:
    return SqliteFlagStore(path, lambda: THE_DAY)


def run(path: Path, statement: str) -> None:
    """What another program does to the file."""
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def test_they_are_there_after_closing_and_opening_again(path: Path) -> None:
    flags = opened(path)
    store = SqliteOverrideStore(flags)
    override, mark = override_subject(store, "u"), store.override_mark()
    flags.close()
    again = SqliteOverrideStore(opened(path))
    assert again.override("checkout", "banner-colour", "u") == override
    assert again.override_mark() == mark


def test_an_older_file_gets_the_tables_and_keeps_its_flags_and_version(path: Path) -> None:
    flags = opened(path)
    publish(flags, a_flag())
    assert not has_overrides(flags)
    flags.close()
    again = opened(path)
    store = SqliteOverrideStore(again)
    assert has_overrides(again)
    assert store.override_mark() == OverrideMark()
    assert again.flag("checkout", "banner-colour") is not None
    again.connections.token()
    with again.connections.reading() as connection:
        assert connection.execute("SELECT version FROM schema_version").get == 1


def test_opening_a_second_time_writes_nothing(path: Path) -> None:
    flags = opened(path)
    SqliteOverrideStore(flags)
    token = flags.change_token()
    SqliteOverrideStore(flags)
    assert flags.change_token() == token


def test_another_process_reads_a_write_at_once_and_sees_the_token_move(path: Path) -> None:
    ours, theirs = SqliteOverrideStore(opened(path)), SqliteOverrideStore(opened(path))
    token = ours.change_token()
    override_subject(theirs, "u")
    assert ours.change_token() != token
    assert ours.subjects_changed_since(0) == ((1, "u"),)
    override_subject(ours, "v")
    assert theirs.override_mark() == OverrideMark(sequence=2, count=2)


def test_flags_and_overrides_in_one_file_fit_together(path: Path) -> None:
    flags = opened(path)
    store = SqliteOverrideStore(flags)
    publish(flags, a_flag())
    override_subject(store, "u")
    publish(flags, a_flag(name="second"))
    override_subject(store, "u")
    assert disagreements(flags) == []
    assert len(flags.outbox(first=1, limit=10)) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE overrides SET content = CAST(replace(content, 'loud', 'soft') AS BLOB)",
        "UPDATE overrides SET sequence = 7",
        "UPDATE overrides SET seal = zeroblob(32)",
        "UPDATE overrides SET flag_key = 'other'",
    ],
)
def test_a_row_that_was_changed_is_never_served(path: Path, statement: str) -> None:
    store = SqliteOverrideStore(opened(path))
    override_subject(store, "u")
    run(path, statement)
    key = "other" if "flag_key" in statement else "banner-colour"
    for read in (
        lambda: store.override("checkout", key, "u"),
        lambda: store.overrides_of_subject("u"),
        lambda: store.overrides_of_flag("checkout", key),
        lambda: list(store.overridden_subjects()),
    ):
        with pytest.raises(StoreDamagedError, match="hash"):
            read()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM overrides WHERE targeting_key = 'u'",
        "DELETE FROM overrides",
        "DELETE FROM override_head",
        "UPDATE override_head SET count = 3",
        "UPDATE override_head SET digest = zeroblob(32)",
    ],
)
def test_rows_that_were_lost_are_noticed_when_all_are_read(path: Path, statement: str) -> None:
    store = SqliteOverrideStore(opened(path))
    override_subject(store, "u")
    override_subject(store, "v")
    run(path, statement)
    with pytest.raises(StoreDamagedError):
        list(store.overridden_subjects())


def test_a_write_over_a_damaged_row_does_not_hide_the_damage(path: Path) -> None:
    store = SqliteOverrideStore(opened(path))
    override = override_subject(store, "u")
    run(path, "UPDATE overrides SET sequence = 7")
    with pytest.raises(ReadOnlyError, match="fails its hash"):
        store.write_override(an_override_change(an_override(targeting_key="u", version=override.version + 1)))
    with pytest.raises(StoreDamagedError):
        store.override("checkout", "banner-colour", "u")


def test_the_file_keeps_its_rows_sealed_through_updates_and_deletions(path: Path) -> None:
    store = SqliteOverrideStore(opened(path))
    for number in range(50):
        override_subject(store, f"u-{number % 20}", variant=f"v{number}")
    assert len(list(store.overridden_subjects())) == store.override_mark().count == 20


class TestBesideAStore:
    def test_that_is_in_memory(self) -> None:
        store = overrides_beside(MemoryFlagStore(lambda: 0.0))
        assert override_subject(store, "u") == store.override("checkout", "banner-colour", "u")

    def test_that_is_a_file(self, path: Path) -> None:
        assert isinstance(overrides_beside(opened(path)), SqliteOverrideStore)

    def test_that_is_read_only_they_are_read_and_not_written(self, path: Path) -> None:
        flags = opened(path)
        override = override_subject(SqliteOverrideStore(flags), "u")
        store = overrides_beside(ReadOnlyFlagStore(flags, reason="the disk is a lie"))
        assert store.override("checkout", "banner-colour", "u") == override
        assert store.overrides_of_subject("u") == store.overrides_of_flag("checkout", "banner-colour")
        assert list(store.overridden_subjects()) == ["u"]
        assert store.subjects_changed_since(0) == ((1, "u"),)
        assert store.override_mark() == OverrideMark(sequence=1, count=1)
        assert store.change_token() == flags.change_token()
        change = an_override_change(an_override())
        for write in (lambda: store.write_override(change), lambda: store.write_overrides([change])):
            with pytest.raises(ReadOnlyError, match="the disk is a lie"):
                write()

    @pytest.mark.parametrize("kind", ["an older file", "a snapshot"])
    def test_that_is_read_only_and_has_none(self, path: Path, kind: str) -> None:
        flags: FlagStore = opened(path) if kind == "an older file" else MemoryFlagStore(lambda: 0.0)
        store = overrides_beside(ReadOnlyFlagStore(flags, reason="no"))
        assert store.override_mark() == OverrideMark()
        if isinstance(flags, SqliteFlagStore):
            assert not has_overrides(flags)
