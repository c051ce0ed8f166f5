"""JSON merge patch, by the examples of RFC 7396 and its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.model.json import JsonValue
from burgee.service.merge_patch import merge

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_rfc_examples(target: JsonValue, patch: JsonValue, expected: JsonValue) -> None:
    assert merge(target, patch) == expected


@given(values, values)
def test_a_patch_applied_twice_does_what_it_does_once(target: JsonValue, patch: JsonValue) -> None:
    once = merge(target, patch)
    assert merge(once, patch) == once


@given(st.dictionaries(st.text(max_size=3), values, max_size=4))
def test_an_empty_patch_changes_nothing_and_hands_out_a_copy(target: dict[str, JsonValue]) -> None:
    merged = merge(target, {})
    assert merged == target
    assert merged is not target
