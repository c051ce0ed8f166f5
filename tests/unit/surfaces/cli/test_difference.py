"""What differs between two JSON values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.surfaces.cli.difference import BOOKKEEPING, differences

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("/a", 1, 2)]),
        ({"a": 1}, {}, [("/a", 1, None)]),
        ({}, {"a": 1}, [("/a", None, 1)]),
        ({"a": {"b/c~": [1]}}, {"a": {"b/c~": [2]}}, [("/a/b~1c~0", [1], [2])]),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"a": 10}, {"a": 10.0}, [("/a", 10, 10.0)]),
        ({"version": 1, "updatedAt": 2}, {"version": 2, "updatedAt": 3}, []),
        ({"variants": {"version": 1}}, {"variants": {"version": 2}}, [("/variants/version", 1, 2)]),
        (None, {"a": 1}, [("", None, {"a": 1})]),
    ],
)
def test_each_place_that_differs_is_named(before: Any, after: Any, expected: list[Any]) -> None:
    assert list(differences(before, after)) == expected


@given(json_values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(differences(value, value)) == []


@given(st.dictionaries(st.text().filter(lambda key: key not in BOOKKEEPING), json_values), json_values)
def test_an_added_value_is_found(value: dict[str, Any], added: Any) -> None:
    found = list(differences(value, {**value, "new": added if added is not None else 1}))
    assert [pointer for pointer, _, _ in found if pointer.startswith("/new")] or value.get("new") == added
