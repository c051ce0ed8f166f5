"""How JSON values are true, numbers, texts, equal and ordered."""

from math import inf, isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.values import (
    EvaluationBoundError,
    bounded,
    less,
    less_or_equal,
    loose_equal,
    number_text,
    strict_equal,
    to_number,
    to_text,
    truthy,
)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, nan, "", [], {}])
def test_what_is_false(value: Any) -> None:
    assert truthy(value) is False


@pytest.mark.parametrize("value", [True, 1, -1, 0.1, inf, "0", "false", [0], [None], {"a": None}])
def test_everything_else_is_true(value: Any) -> None:
    assert truthy(value) is True


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (2.5, 2.5),
        (None, 0),
        (True, 1),
        (False, 0),
        ("10", 10),
        (" 1.5 ", 1.5),
        ("1e3", 1000),
        ([], 0),
        ([7], 7),
        ([["8"]], 8),
    ],
)
def test_what_stands_for_a_number(value: Any, number: float) -> None:
    assert to_number(value) == number
    assert type(to_number(value)) in (int, float)


@pytest.mark.parametrize("value", ["", "x", "1_000", "infinity", "nan", "inf", "١", {}, [1, 2], {"a": 1}])
def test_what_stands_for_none(value: Any) -> None:
    assert isnan(to_number(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (10, "10"),
        (10.0, "10"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (True, "true"),
        (None, "null"),
        ({}, "[object Object]"),
        ([1, [None, "a"], True], "1,,a,true"),
        ([], ""),
        (nan, "NaN"),
        (-inf, "-Infinity"),
    ],
)
def test_texts_are_those_of_javascript(value: Any, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (1, "1", True),
        ("1.0", 1, True),
        (True, 1, True),
        (True, "1", True),
        (False, "", False),
        (None, None, True),
        (None, 0, False),
        (None, False, False),
        (None, "", False),
        ("a", "a", True),
        ("a", "A", False),
        (["a"], "a", True),
        ([1, 2], "1,2", True),
        ([], 0, True),
        ([1], [1], False),
        ({}, {}, False),
        ({}, "[object Object]", True),
        ([1], {}, False),
        (nan, nan, False),
    ],
)
def test_loose_equality(a: Any, b: Any, equal: bool) -> None:
    assert loose_equal(a, b) is equal
    assert loose_equal(b, a) is equal


def test_a_list_equals_itself() -> None:
    value: list[Any] = [1]
    assert loose_equal(value, value)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (1, "1", False),
        (True, 1, False),
        (0, False, False),
        ([1, {"a": [2]}], [1.0, {"a": [2]}], True),
        ([True], [1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], {}, False),
        (None, None, True),
        (None, 0, False),
    ],
)
def test_strict_equality(a: Any, b: Any, equal: bool) -> None:
    assert strict_equal(a, b) is equal
    assert strict_equal(b, a) is equal


@pytest.mark.parametrize(
    ("a", "b", "smaller"),
    [
        (1, 2, True),
        ("a", "b", True),
        ("10", "9", True),
        ("10", 9, False),
        (None, 1, True),
        (1, "x", False),
        (["a"], "b", True),
        (False, True, True),
        ({}, 1, False),
    ],
)
def test_order(a: Any, b: Any, smaller: bool) -> None:
    assert less(a, b) is smaller


@given(
    st.integers() | st.floats(allow_nan=False) | st.text(),
    st.integers() | st.floats(allow_nan=False) | st.text(),
)
def test_less_is_less_or_equal(a: Any, b: Any) -> None:
    assert not less(a, b) or less_or_equal(a, b)


def test_values_that_share_their_parts_are_bounded() -> None:
    one: Any = []
    other: Any = []
    for _ in range(40):
        one, other = [one, one], [other, other]
    for act in (lambda: to_text(one), lambda: strict_equal(one, other), lambda: loose_equal(one, "x")):
        with pytest.raises(EvaluationBoundError):
            act()


def test_a_list_of_lists_of_lists_is_bounded() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(EvaluationBoundError):
        to_number(deep)


@pytest.mark.parametrize(("number", "same"), [(2**63 - 1, 2**63 - 1), (2**63, 2.0**63), (-(10**400), -inf)])
def test_whole_numbers_become_floats_beyond_64_bits(number: int, same: float) -> None:
    assert bounded(number) == same
    assert type(bounded(number)) is type(same)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back_as_it(number: float) -> None:
    assert float(number_text(number)) == number
