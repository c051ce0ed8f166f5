"""`burgee audit verify` against 1,000 ways to tamper with the rows, each of them found and placed."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from burgee.adapters.high_water import HighWaterFile
from burgee.adapters.sqlite.rows import audit, head
from burgee.adapters.sqlite.store import SqliteFlagStore, high_water_of
from burgee.errors import ReadOnlyError
from burgee.model.audit import AuditDraft, AuditEvent, chain
from burgee.service.audit_log import AuditLog
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.publishing import publish

EVENTS = 40
TRIES = 125
"""Of each of the eight kinds: 1,000 in all."""

Tamper = Callable[[apsw.Connection, random.Random], int]
"""Changes the rows; returns the first sequence that is no longer what it was."""


class Bench:
    """A log of EVENTS events, a way to change its rows, and a way back."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteFlagStore(folder / "flags.db", lambda: THE_DAY)
        for number in range(EVENTS):
            publish(self.store, a_flag(name=f"name {number}"), actor=f"actor {number}")
        self.mark = high_water_of(self.store.path)
        self.log = AuditLog(self.store, exported_head=self.exported)
        self.rows = apsw.Connection(str(self.store.path))
        self.rows.execute("PRAGMA synchronous = OFF")
        self.rows.execute("CREATE TABLE kept_audit AS SELECT * FROM audit")
        self.rows.execute("CREATE TABLE kept_head AS SELECT * FROM head")

    def exported(self) -> tuple[int, str]:
        mark = self.mark.read()
        return mark.sequence, mark.hash

    def restore(self) -> None:
        self.rows.execute(
            "BEGIN; DELETE FROM audit; INSERT INTO audit SELECT * FROM kept_audit;"
            "DELETE FROM head; INSERT INTO head SELECT * FROM kept_head; COMMIT"
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.rows.close()
    bench.store.close()


def edit_a_byte(rows: apsw.Connection, dice: random.Random) -> int:
    sequence = dice.randint(1, EVENTS)
    content = rows.execute("SELECT content FROM audit WHERE sequence = ?", (sequence,)).get
    assert isinstance(content, bytes)
    place = dice.randrange(len(content))
    changed = bytes([(content[place] + dice.randint(1, 255)) % 256])
    edited = content[:place] + changed + content[place + 1 :]
    rows.execute("UPDATE audit SET content = ? WHERE sequence = ?", (edited, sequence))
    return sequence


def edit_a_column(rows: apsw.Connection, dice: random.Random) -> int:
    sequence, column = dice.randint(1, EVENTS), dice.choice(("at", "actor", "action", "flag_set", "flag_key"))
    changed = f"{column} + 1" if column == "at" else f"{column} || 'x'"
    rows.execute(f"UPDATE audit SET {column} = {changed} WHERE sequence = ?", (sequence,))
    return sequence


def delete(rows: apsw.Connection, dice: random.Random) -> int:
    sequence = dice.randint(1, EVENTS)
    rows.execute("DELETE FROM audit WHERE sequence = ?", (sequence,))
    return sequence


def swap(rows: apsw.Connection, dice: random.Random) -> int:
    first, second = dice.sample(range(1, EVENTS + 1), 2)
    for before, after in ((first, -1), (second, first), (-1, second)):
        rows.execute("UPDATE audit SET sequence = ? WHERE sequence = ?", (after, before))
    return min(first, second)


def cut_the_tail(rows: apsw.Connection, dice: random.Random) -> int:
    last = dice.randint(0, EVENTS - 1)
    rows.execute("DELETE FROM audit WHERE sequence > ?", (last,))
    return last + 1


def cut_the_tail_and_move_the_head(rows: apsw.Connection, dice: random.Random) -> int:
    """What somebody does who knows how the store works, and has forgotten the file beside it."""
    first = cut_the_tail(rows, dice)
    kept = audit.read_range(rows, first=first - 1, limit=1)
    top = msgspec.structs.replace(
        head.read(rows), audit_sequence=first - 1, audit_hash=kept[0].hash if kept else "0" * 64
    )
    head.write(rows, top)
    return first


def forge_from_there_on(rows: apsw.Connection, dice: random.Random) -> int:
    """Another history from some event on, with a chain and a head that fit it."""
    first = dice.randint(1, EVENTS)
    previous = audit.read_range(rows, first=first - 1, limit=1)[0].hash if first > 1 else "0" * 64
    for event in audit.read_range(rows, first=first, limit=EVENTS):
        fields = {name: getattr(event, name) for name in AuditDraft.__struct_fields__}
        forged = chain(
            AuditDraft(**{**fields, "actor": "mallory"}), sequence=event.sequence, previous_hash=previous
        )
        _replace(rows, forged)
        previous = forged.hash
    head.write(rows, msgspec.structs.replace(head.read(rows), audit_hash=previous))
    return EVENTS  # such a chain is whole in itself: only the exported head is not in it


def insert(rows: apsw.Connection, dice: random.Random) -> int:
    """An event more, before the first or behind the last."""
    last = audit.read_range(rows, first=EVENTS, limit=1)[0]
    draft = AuditDraft(at=THE_DAY, actor="mallory", action="flag.created", entity="flags/a/b")
    where = dice.choice((0, -dice.randint(1, 100), EVENTS + 1))
    forged = chain(draft, sequence=where, previous_hash=last.hash)
    rows.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)",
        (where, draft.at, draft.actor, draft.action, "", "", msgspec.json.encode(forged)),
    )
    return max(1, where)


def _replace(rows: apsw.Connection, event: AuditEvent) -> None:
    rows.execute(
        "UPDATE audit SET actor = ?, content = ? WHERE sequence = ?",
        (event.actor, msgspec.json.encode(event), event.sequence),
    )


KINDS: list[Tamper] = [
    edit_a_byte,
    edit_a_column,
    delete,
    swap,
    cut_the_tail,
    cut_the_tail_and_move_the_head,
    forge_from_there_on,
    insert,
]


def test_there_are_a_thousand_of_them() -> None:
    assert len(KINDS) * TRIES == 1_000


@pytest.mark.parametrize("tamper", KINDS, ids=lambda each: each.__name__)
def test_item_59_every_tampering_is_found_and_its_first_event_named(bench: Bench, tamper: Tamper) -> None:
    dice = random.Random(27)
    assert bench.log.verify().ok
    for number in range(TRIES):
        bench.rows.execute("BEGIN")
        first = tamper(bench.rows, dice)
        bench.rows.execute("COMMIT")
        found = bench.log.verify()
        assert not found.ok, number
        assert found.first_broken == first, number
        bench.restore()
    assert bench.log.verify().ok


def test_item_59_without_the_exported_head_a_clever_cut_would_pass(bench: Bench) -> None:
    """Why the head stands beside the store: the store alone cannot tell."""
    cut_the_tail_and_move_the_head(bench.rows, random.Random(1))
    assert AuditLog(bench.store).verify().ok
    assert not bench.log.verify().ok


def forge_and_go_on(rows: apsw.Connection, dice: random.Random) -> int:
    """A forged history that is longer than the one it stands for."""
    first = forge_from_there_on(rows, dice)
    top = head.read(rows)
    draft = AuditDraft(at=THE_DAY, actor="mallory", action="flag.created", entity="flags/a/b")
    more = chain(draft, sequence=EVENTS + 1, previous_hash=top.audit_hash)
    content = msgspec.json.encode(more)
    rows.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, '', '', ?)",
        (EVENTS + 1, draft.at, draft.actor, draft.action, content),
    )
    head.write(rows, msgspec.structs.replace(top, audit_sequence=EVENTS + 1, audit_hash=more.hash))
    return first


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "tamper",
    [cut_the_tail_and_move_the_head, forge_from_there_on, forge_and_go_on],
    ids=lambda each: each.__name__,
)
def test_what_the_server_writes_afterwards_does_not_cover_it_up(
    bench: Bench, tamper: Tamper, seed: int
) -> None:
    """The export must not follow a log that was changed while the server ran."""
    first = tamper(bench.rows, random.Random(seed))
    for number in range(EVENTS + 2):
        with pytest.raises(ReadOnlyError, match="acknowledged"):
            publish(bench.store, a_flag(name=f"later {number}"), actor="ada")
    assert bench.log.verify().first_broken == first


def test_an_export_that_is_behind_is_no_damage(bench: Bench, tmp_path: Path) -> None:
    behind = HighWaterFile(tmp_path / "older")
    assert AuditLog(bench.store, exported_head=lambda: (0, "0" * 64)).verify().ok
    event = bench.store.audit_range(first=7, limit=1)[0]
    assert AuditLog(bench.store, exported_head=lambda: (7, event.hash)).verify().ok
    assert behind.read().sequence == 0


def test_an_event_that_is_not_the_exported_one_is_named(bench: Bench) -> None:
    assert AuditLog(bench.store, exported_head=lambda: (7, "f" * 64)).verify().first_broken == 7
