"""Diffs: complete, by pointer, and blind to nothing that an evaluation would see."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from burgee.model.json import JsonObject
from burgee.surfaces.http.differences import differences

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([1.0, 0.5])
    | st.text("ab/~", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.text("ab/~", max_size=2), json_values, max_size=3)


def pointers(before: JsonObject, current: JsonObject) -> list[str]:
    return [each.pointer for each in differences(before=before, yours=None, current=current)]


def test_objects_are_compared_member_by_member_and_lists_whole() -> None:
    before: JsonObject = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert pointers(before, {"a": {"b": 2, "c": [2, 1]}, "d": 1}) == ["/a/b", "/a/c"]


def test_names_are_escaped() -> None:
    assert pointers({"a/b~": 1}, {"a/b~": 2}) == ["/a~1b~0"]


def test_one_and_one_point_zero_and_true_are_three_things() -> None:
    assert pointers({"x": 1}, {"x": 1.0}) == ["/x"]
    assert pointers({"x": 1}, {"x": True}) == ["/x"]
    assert pointers({"x": [1]}, {"x": [1.0]}) == ["/x"]


def test_a_side_without_the_member_leaves_it_out() -> None:
    (difference,) = differences(before={}, yours={"a": 1}, current={"a": None})
    assert difference.pointer == "/a"
    assert (difference.yours, difference.current) == (1, None)
    assert not isinstance(difference.before, int)


@given(objects)
def test_equal_sides_do_not_differ(value: JsonObject) -> None:
    assert differences(before=value, yours=value, current=value) == ()


@given(objects, objects)
def test_applying_the_differences_gives_the_other_side(before: JsonObject, current: JsonObject) -> None:
    patched: Any = _copy(before)
    for each in differences(before=before, yours=None, current=current):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in each.pointer.split("/")[1:]]
        place = patched
        for step in steps[:-1]:
            place = place[step]
        if type(each.current).__name__ == "UnsetType":
            del place[steps[-1]]
        else:
            place[steps[-1]] = each.current
    assert patched == current


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
