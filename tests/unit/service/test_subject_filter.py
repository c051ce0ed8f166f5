"""The filter of subjects: never a wrong no, and few wrong yeses in little memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.service.subject_filter import SubjectFilter


@given(st.sets(st.text(st.characters(codec="utf-8"), max_size=20), max_size=200), st.integers(0, 2**32 - 1))
def test_what_was_added_is_always_found(subjects: set[str], seed: int) -> None:
    known = SubjectFilter(10, seed=seed)
    for subject in subjects:
        known.add(subject)
    assert all(subject in known for subject in subjects)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_full_one_is_wrong_for_less_than_one_in_a_hundred_others(seed: int) -> None:
    known = SubjectFilter(20_000, seed=seed)
    for number in range(20_000):
        known.add(f"user-{number}")
    wrong = sum([f"other-{number}" in known for number in range(50_000)])
    assert 0 < wrong < 500


def test_it_takes_ten_bits_for_each_subject() -> None:
    assert SubjectFilter(1_000_000).size_bytes == 1_250_000


def test_an_empty_one_finds_nobody() -> None:
    assert not any(f"user-{number}" in SubjectFilter(0) for number in range(100))


@pytest.mark.parametrize(("added", "is_full"), [(99, False), (100, False), (101, True)])
def test_it_is_full_once_more_are_in_it_than_it_has_room_for(added: int, is_full: bool) -> None:
    known = SubjectFilter(100, seed=5)
    number = 0
    while known.added < added:
        known.add(f"user-{number}")
        number += 1
    assert known.is_full is is_full


def test_a_subject_added_again_takes_no_room() -> None:
    known = SubjectFilter(100)
    for _ in range(3):
        known.add("user")
    assert known.added == 1


def test_another_seed_confuses_other_subjects() -> None:
    confused = []
    for seed in (1, 2):
        known = SubjectFilter(1_000, seed=seed)
        for number in range(1_000):
            known.add(f"user-{number}")
        confused.append({number for number in range(20_000) if f"other-{number}" in known})
    assert confused[0] != confused[1]
