"""The layered filter: grows without a look at what is in it, and forgets nobody."""

from hypothesis import given
from hypothesis import strategies as st

from burgee.formats.snapshot import FilterLayer
from burgee.service.filter_layers import GROWTH, LEAST_ROOM, LayeredFilter, with_subjects

SEED = 3
SUBJECTS = [f"user-{number}" for number in range(LEAST_ROOM * 2)]


def test_everybody_who_was_added_is_found_across_layers() -> None:
    layers = with_subjects((), SUBJECTS[:LEAST_ROOM], seed=SEED)
    layers = with_subjects(layers, SUBJECTS[LEAST_ROOM:], seed=SEED)
    assert [each.room for each in layers] == [LEAST_ROOM, LEAST_ROOM * GROWTH]
    found = LayeredFilter(layers, seed=SEED)
    assert all(subject in found for subject in SUBJECTS)


def test_a_layer_is_left_when_it_is_full_and_not_before() -> None:
    layers = with_subjects((), SUBJECTS[:10], seed=SEED, room=LEAST_ROOM)
    assert len(with_subjects(layers, SUBJECTS[10:LEAST_ROOM], seed=SEED)) == 1


def test_few_others_seem_to_be_in_it() -> None:
    found = LayeredFilter(with_subjects((), SUBJECTS, seed=SEED), seed=SEED)
    others = sum(f"other-{number}" in found for number in range(20_000))
    assert others < 400  # 2 in 100


def test_who_is_in_it_already_changes_nothing() -> None:
    layers = with_subjects((), ["ada", "bob"], seed=SEED)
    assert with_subjects(layers, ["bob", "ada"], seed=SEED) is layers
    assert with_subjects((), [], seed=SEED) == ()


def test_half_a_character_is_left_out() -> None:
    assert with_subjects((), ["\ud800"], seed=SEED) == ()


def test_a_first_layer_has_room_for_all_who_come_at_once() -> None:
    (layer,) = with_subjects((), SUBJECTS, seed=SEED)
    assert (layer.room, len(layer.bits)) == (len(SUBJECTS), len(SUBJECTS) * 10 // 8)


def test_a_million_subjects_are_a_megabyte_and_a_quarter() -> None:
    (layer,) = with_subjects((), ["ada"], seed=SEED, room=1_000_000)
    assert len(layer.bits) == 1_250_000


@given(st.lists(st.lists(st.text(max_size=4), max_size=6), max_size=5))
def test_the_order_of_adding_makes_no_difference_to_who_is_found(batches: list[list[str]]) -> None:
    forward: tuple[FilterLayer, ...] = ()
    backward: tuple[FilterLayer, ...] = ()
    for batch in batches:
        forward = with_subjects(forward, batch, seed=SEED)
    for batch in reversed(batches):
        backward = with_subjects(backward, batch, seed=SEED)
    assert [each.bits for each in forward] == [each.bits for each in backward]
