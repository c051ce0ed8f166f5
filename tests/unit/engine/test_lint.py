"""What lint warns of, and what it leaves in peace."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.lint import lint, lint_flag
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.snapshot import Snapshot

V2 = FractionalGeneration.V2
PINNED = FlagSet(fractional=V2)
FLAG = Flag(id="i", key="f", variants={"on": True, "off": False}, default_variant="off")
TEST: Any = {"==": [{"var": "v"}, 1]}


def found(targeting: Any = None, *, flag_set: FlagSet = PINNED, **changes: Any) -> dict[str, str]:
    flag = msgspec.structs.replace(FLAG, targeting=targeting, **changes)
    return {warning.pointer: warning.code for warning in lint_flag(flag, flag_set, fractional=V2)}


@pytest.mark.parametrize(
    "targeting",
    [
        None,
        {"if": [TEST, "on"]},
        {"if": [TEST, "on", None]},
        {"if": [TEST, {"var": "which"}]},
        {"fractional": [["on", 10], ["off", 90]]},
        {"starts_with": [{"var": "v"}, "a"]},
    ],
)
def test_a_flag_of_which_every_part_can_matter_is_left_in_peace(targeting: Any) -> None:
    variants = (
        {"true": True, "false": False, "off": False} if targeting and "starts_with" in targeting else None
    )
    changes: dict[str, Any] = {"variants": variants} if variants else {}
    assert found(targeting, **changes) == {}


@pytest.mark.parametrize(
    ("targeting", "expected"),
    [
        ({"if": [TEST, "off"]}, {"/variants/on": "unreachable-variant"}),
        ({"if": [TEST, "on", "on"]}, {"/defaultVariant": "unreachable-default"}),
        (
            {"fractional": [["on", 0], ["off", 90]]},
            {"/variants/on": "unreachable-variant", "/targeting/fractional/0/1": "unreachable-weight"},
        ),
        ({"if": [True, "on", "off"]}, {"/targeting/if/0": "constant-condition"}),
        ({"$ref": "gone"}, {"/targeting": "dangling-ref"}),
    ],
)
def test_what_cannot_matter_is_named(targeting: Any, expected: dict[str, str]) -> None:
    assert found(targeting) == expected


def test_variants_of_several_types_are_named() -> None:
    assert found(variants={"off": 1, "b": "x"}) == {"/variants": "mixed-variant-types"}


@pytest.mark.parametrize("pinned", [True, False])
def test_buckets_that_depend_on_the_generation_are_named_until_one_is_pinned(pinned: bool) -> None:
    rule: Any = {"fractional": [["on", 1], ["off", 1]]}
    expected = {} if pinned else {"/targeting": "fractional-divergence"}
    assert found(rule, flag_set=PINNED if pinned else FlagSet()) == expected


def test_an_evaluator_that_no_rule_uses_is_named_once_for_the_set() -> None:
    flag_set = FlagSet(evaluators={"used": TEST, "inner": TEST, "unused": {"!": {"$ref": "inner"}}})
    flag = msgspec.structs.replace(FLAG, targeting={"if": [{"$ref": "used"}, "on"]})
    [warning] = lint(Snapshot(flag_set=flag_set, flags=(flag,)), fractional=V2)
    assert (warning.flag_key, warning.pointer, warning.code) == ("", "/evaluators/unused", "unused-evaluator")


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["on", "off", "v"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["if", "==", "var", "fractional", "$ref", "x"]), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["if", "fractional", "$ref", "or"]), anything, max_size=2))
def test_lint_never_raises(targeting: Any) -> None:
    flag = msgspec.structs.replace(FLAG, targeting=targeting)
    for warning in lint(Snapshot(flag_set=FlagSet(), flags=(flag,)), fractional=V2):
        assert warning.message
