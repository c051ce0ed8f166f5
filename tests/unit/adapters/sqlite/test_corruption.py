"""Changed and lost bytes: no wrong value is served, and every change is noticed."""

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.errors import ReadOnlyError, UnavailableError, VersionConflictError
from burgee.model.audit import first_broken
from burgee.ports import AuditQuery, FlagQuery, FlagStore
from burgee.testing.builders import a_flag, an_audit_draft
from burgee.testing.crashed_store import opened, sets_of
from burgee.testing.publishing import next_change


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


@pytest.fixture
def damaged(closed: Path) -> Path:
    """2,000 bytes of the file are overwritten, where only a writer comes by."""
    plain = apsw.Connection(str(closed / "flags.db"))
    page = plain.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'audit_by_actor'").get
    size = plain.pragma("page_size")
    plain.close()
    with (closed / "flags.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 2_000)
    return closed


WRITES: dict[str, Callable[[FlagStore], object]] = {
    "commit": lambda store: store.commit([next_change(store, a_flag(key="flag-7"))]),
    "append_audit": lambda store: store.append_audit(an_audit_draft()),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_meets_damage_makes_the_store_read_only_and_the_log_says_why(
    damaged: Path, write: Callable[[FlagStore], object], caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(damaged)
    expected = sets_of(store)
    assert not store.read_only_reason
    with pytest.raises(ReadOnlyError, match="damaged"):
        write(store)
    reason = str(store.read_only_reason)
    assert "damaged" in reason
    assert "backup-and-recovery" in reason
    for again in WRITES.values():
        with pytest.raises(ReadOnlyError) as caught:
            again(store)
        assert (str(caught.value), caught.value.retry_after) == (reason, 60)
    [record] = caplog.records
    assert (record.message, record.levelname) == ("store.damaged", "ERROR")
    assert "damaged" in vars(record)["problem"]
    assert sets_of(store) == expected


def test_a_write_that_fails_for_another_reason_leaves_the_store_as_it_was(closed: Path) -> None:
    store = opened(closed)
    change = next_change(store, a_flag(key="flag-7"))
    store.commit([change])
    with pytest.raises(VersionConflictError):
        store.commit([change])
    assert store.read_only_reason is None
    store.append_audit(an_audit_draft())
