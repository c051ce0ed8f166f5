"""1,000 ways to tamper with the audit, each of them seen."""

import random
from pathlib import Path

import apsw
import pytest

from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import UnavailableError
from burgee.model.audit import first_broken
from burgee.ports import AuditQuery
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.publishing import publish

EVENTS = 40


@pytest.fixture
def store(tmp_path: Path) -> SqliteFlagStore:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    for number in range(EVENTS):
        publish(store, a_flag(name=f"name {number}"), actor=f"actor {number}")
    return store


def is_whole(store: SqliteFlagStore) -> bool:
    events = store.audit_range(first=1, limit=1000)
    head = (events[-1].sequence, events[-1].hash) if events else (0, "")
    return first_broken(events) is None and head == store.audit_head()


def edit(connection: apsw.Connection, dice: random.Random) -> None:
    sequence = dice.randint(1, EVENTS)
    content = connection.execute("SELECT content FROM audit WHERE sequence = ?", (sequence,)).get
    assert isinstance(content, bytes)
    place = dice.randrange(len(content))
    changed = bytes([(content[place] + dice.randint(1, 255)) % 256])
    edited = content[:place] + changed + content[place + 1 :]
    connection.execute("UPDATE audit SET content = ? WHERE sequence = ?", (edited, sequence))


def edit_a_column(connection: apsw.Connection, dice: random.Random) -> None:
    column = dice.choice(("actor", "action", "flag_set", "flag_key"))
    connection.execute(
        f"UPDATE audit SET {column} = {column} || 'x' WHERE sequence = ?", (dice.randint(1, EVENTS),)
    )


def delete(connection: apsw.Connection, dice: random.Random) -> None:
    connection.execute("DELETE FROM audit WHERE sequence = ?", (dice.randint(1, EVENTS),))


def swap(connection: apsw.Connection, dice: random.Random) -> None:
    first, second = dice.sample(range(1, EVENTS + 1), 2)
    for before, after in ((first, -1), (second, first), (-1, second)):
        connection.execute("UPDATE audit SET sequence = ? WHERE sequence = ?", (after, before))


def cut_the_tail(connection: apsw.Connection, dice: random.Random) -> None:
    connection.execute("DELETE FROM audit WHERE sequence > ?", (dice.randint(0, EVENTS - 1),))


def test_the_audit_is_whole_before_anything_is_done_to_it(store: SqliteFlagStore) -> None:
    assert is_whole(store)


@pytest.mark.parametrize(
    "tamper", [edit, edit_a_column, delete, swap, cut_the_tail], ids=lambda each: each.__name__
)
def test_200_random_ways_to_tamper_are_each_seen(store: SqliteFlagStore, tamper: object) -> None:
    assert callable(tamper)
    dice = random.Random(27)
    other = apsw.Connection(str(store.path))
    other.execute("CREATE TABLE kept AS SELECT * FROM audit")
    for _ in range(200):
        other.execute("BEGIN")
        tamper(other, dice)
        other.execute("COMMIT")
        assert not is_whole(store)
        other.execute("BEGIN; DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; COMMIT")
    assert is_whole(store)


def test_an_edited_event_is_not_listed_as_if_it_were_true(store: SqliteFlagStore) -> None:
    other = apsw.Connection(str(store.path))
    other.execute("UPDATE audit SET actor = 'actor 3' WHERE sequence = 9")
    with pytest.raises(UnavailableError, match="hash"):
        store.audit_events(AuditQuery(actor="actor 3"))
    assert len(store.audit_events(AuditQuery(actor="actor 4"))) == 1
