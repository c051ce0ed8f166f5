"""The audit chain: every event continues the one before, and no edit goes unseen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.model.audit import GENESIS_HASH, AuditDraft, AuditEvent, chain, event_hash, first_broken

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
drafts = st.builds(
    AuditDraft,
    at=st.floats(0, 4e9),
    actor=st.text(max_size=8),
    action=st.just("flag.updated"),
    entity=st.text(max_size=12),
    before=json_values,
    after=json_values,
)


def chained(drafts: list[AuditDraft]) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for sequence, draft in enumerate(drafts, start=1):
        previous = events[-1].hash if events else GENESIS_HASH
        events.append(chain(draft, sequence=sequence, previous_hash=previous))
    return events


def test_the_hash_of_a_known_event_never_changes() -> None:
    draft = AuditDraft(
        at=1.5, actor="ada", action="flag.created", entity="flags/default/banner", after={"b": 1}
    )
    event = chain(draft, sequence=1, previous_hash=GENESIS_HASH)
    assert event.hash == "64e05537fd0284ab9f2565227ab7ef69d1a799d5282b4c3c3bcae3b4fea32db4"


def test_an_empty_chain_is_whole() -> None:
    assert first_broken([]) is None


@given(st.lists(drafts, max_size=6))
def test_a_chain_as_written_is_whole_also_after_a_round_trip_through_json(written: list[AuditDraft]) -> None:
    events = chained(written)
    assert first_broken(events) is None
    reread = msgspec.json.decode(msgspec.json.encode(events), type=list[AuditEvent])
    assert first_broken(reread) is None


@given(st.lists(drafts, min_size=1, max_size=6), st.data())
def test_any_edit_of_one_event_is_named(written: list[AuditDraft], data: st.DataObject) -> None:
    events = chained(written)
    place = data.draw(st.integers(0, len(events) - 1))
    field = data.draw(st.sampled_from(["actor", "action", "entity", "request_id", "reason"]))
    changed = getattr(events[place], field) + "x"
    events[place] = msgspec.structs.replace(events[place], **{field: changed})
    assert first_broken(events) == place + 1


@given(st.lists(drafts, min_size=2, max_size=6), st.data())
def test_an_edit_with_a_fitting_hash_breaks_the_next_link(
    written: list[AuditDraft], data: st.DataObject
) -> None:
    events = chained(written)
    place = data.draw(st.integers(0, len(events) - 2))
    forged = msgspec.structs.replace(events[place], actor=events[place].actor + "x")
    events[place] = msgspec.structs.replace(forged, hash=event_hash(forged))
    assert first_broken(events) == place + 2


@pytest.mark.parametrize(("mangle", "broken"), [("delete", 2), ("swap", 1), ("insert", 2)])
def test_deletions_swaps_and_insertions_are_named(mangle: str, broken: int) -> None:
    events = chained([AuditDraft(at=n, actor=f"a{n}", action="flag.updated", entity="e") for n in range(4)])
    match mangle:
        case "delete":
            del events[1]
        case "swap":
            events[0], events[1] = events[1], events[0]
        case _:
            events.insert(1, events[0])
    assert first_broken(events) == broken


def test_a_chain_can_be_checked_from_the_middle() -> None:
    events = chained([AuditDraft(at=n, actor="a", action="flag.updated", entity="e") for n in range(5)])
    assert first_broken(events[2:], previous_hash=events[1].hash, first=3) is None
    assert first_broken(events[2:], previous_hash=events[0].hash, first=3) == 3
