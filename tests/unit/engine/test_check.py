"""What is refused in a flag, a flag set and a rule."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.check import check_flag, check_flag_set, check_targeting
from burgee.engine.program import compile_program
from burgee.engine.references import measure
from burgee.errors import Fault
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.limits import DEFAULT_LIMITS
from burgee.model.resolution import ErrorCode
from burgee.model.snapshot import Snapshot

GOOD = Flag(id="i", key="banner", variants={"on": True, "off": False}, default_variant="off")
V: Any = {"var": "v"}


def rule(targeting: Any, **evaluators: Any) -> dict[str, str]:
    """Pointer and code of each fault of a rule, variants unchecked."""
    return {
        fault.pointer: fault.code
        for fault in check_targeting(targeting, evaluators=evaluators, variants=None)
    }


def codes(faults: tuple[Fault, ...]) -> dict[str, str]:
    return {fault.pointer: fault.code for fault in faults}


@pytest.mark.parametrize(
    "targeting",
    [
        {},
        {"if": [{"==": [V, "x"]}, "on"]},
        {"if": [{"var": "is_on"}]},
        {"!": V},
        {"!!": [V]},
        {"<": [1, V, 3]},
        {"substr": ["abc", -1]},
        {"var": ["v", 3]},
        {"var": "$flagd.timestamp"},
        {"missing": ["a", "b"]},
        {"missing_some": [1, ["a", "b"]]},
        {"reduce": [V, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]},
        {"sem_ver": [V, "^", "1.2.3"]},
        {"starts_with": [V, {"cat": ["a", "b"]}]},
        {"fractional": [["on", 1], ["off"]]},
        {"fractional": [V, ["on", {"*": [V, 2]}], [None, 25.0]]},
        {"in": [V, ["a", 1, None]]},
    ],
)
def test_what_flagds_schema_accepts_is_accepted(targeting: Any) -> None:
    assert rule(targeting) == {}


@pytest.mark.parametrize(
    ("targeting", "expected"),
    [
        ({"equals": [1, 2]}, {"/equals": "unknown-operator"}),
        ({"if": [{"==": [V, 1], "!=": [V, 2]}, "on"]}, {"/if/0": "not-an-operation"}),
        ({"==": [1]}, {"/==": "wrong-operands"}),
        ({"==": [1, 2, 3]}, {"/==": "wrong-operands"}),
        ({"==": V}, {"/==": "wrong-operands"}),
        ({"<": [1, 2, 3, 4]}, {"/<": "wrong-operands"}),
        ({"*": [2]}, {"/*": "wrong-operands"}),
        ({"!": [1, 2]}, {"/!": "wrong-operands"}),
        ({"reduce": [V, V]}, {"/reduce": "wrong-operands"}),
        ({"if": []}, {"/if": "wrong-operands"}),
        ({"var": []}, {"/var": "wrong-operands"}),
        ({"var": ["v", [1]]}, {"/var/1": "wrong-operands"}),
        ({"var": "$flagd.user"}, {"/var": "unknown-property"}),
        ({"var": ["$flagd.user", 1]}, {"/var/0": "unknown-property"}),
        ({"missing": "a"}, {"/missing": "wrong-operands"}),
        ({"missing_some": ["1", ["a"]]}, {"/missing_some/0": "wrong-operands"}),
        ({"missing_some": [1, [1]]}, {"/missing_some/1": "wrong-operands"}),
        ({"starts_with": [V, 1]}, {"/starts_with/1": "wrong-operands"}),
        ({"ends_with": [V]}, {"/ends_with": "wrong-operands"}),
        ({"sem_ver": [V, "===", "1.0.0"]}, {"/sem_ver/1": "invalid-comparison"}),
        ({"sem_ver": [V, "=", "1.0.0.0"]}, {"/sem_ver/2": "invalid-version"}),
        ({"sem_ver": [V, "="]}, {"/sem_ver": "wrong-operands"}),
        ({"fractional": ["seed", ["on"]]}, {"/fractional/0": "invalid-share"}),
        ({"fractional": [["on", 1, 2]]}, {"/fractional/0": "invalid-share"}),
        ({"fractional": [["on", -1]]}, {"/fractional/0/1": "invalid-weight"}),
        ({"fractional": [["on", 1.5]]}, {"/fractional/0/1": "invalid-weight"}),
        ({"fractional": [["on", "1"]]}, {"/fractional/0/1": "invalid-weight"}),
        ({"fractional": [["on", True]]}, {"/fractional/0/1": "invalid-weight"}),
        ({"fractional": [["on", 2**31 - 1], ["off", 1]]}, {"/fractional": "weights-too-large"}),
        ({"in": [V, [{"bad~/op": 1}]]}, {"/in/1/0/bad~0~1op": "unknown-operator"}),
        ({"$ref": "gone"}, {"": "dangling-ref"}),
        ([1], {"": "wrong-type"}),
        ("on", {"": "wrong-type"}),
    ],
)
def test_each_fault_has_a_code_and_the_pointer_to_its_place(targeting: Any, expected: dict[str, str]) -> None:
    assert rule(targeting) == expected


def test_a_near_miss_gets_a_hint() -> None:
    [fault] = check_targeting({"start_with": [V, "a"]}, evaluators={}, variants=None)
    assert "did you mean 'starts_with'?" in fault.message


def test_all_faults_of_a_rule_come_at_once() -> None:
    targeting = {"if": [{"==": [1]}, {"nope": 1}, {"sem_ver": [V, "?", "x"]}, "on"]}
    assert set(rule(targeting)) == {"/if/0/==", "/if/1/nope", "/if/2/sem_ver/1", "/if/2/sem_ver/2"}


def test_evaluators_that_refer_to_each_other_in_a_circle_are_refused() -> None:
    assert rule({"$ref": "a"}, a={"!": {"$ref": "b"}}, b={"!": {"$ref": "a"}}) == {
        "/!/!": "ref-cycle"
    } or rule({"$ref": "a"}, a={"!": {"$ref": "b"}}, b={"!": {"$ref": "a"}}) == {"": "ref-cycle"}


@pytest.mark.parametrize(
    ("leaf", "known"),
    [("on", True), ("off", True), ("gone", False), (None, True), (True, False), (1, False), (V, True)],
)
def test_a_rule_may_only_end_at_variants_that_exist(leaf: Any, known: bool) -> None:
    targeting: Any = {"if": [{"==": [V, 1]}, {"fractional": [[leaf, 1], ["off", 1]]}, "on"]}
    faults = check_targeting(targeting, evaluators={}, variants=GOOD.variants, pointer="/targeting")
    assert codes(faults) == ({} if known else {"/targeting/if/1/fractional/0/0": "unknown-variant"})


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_rule_has_at_most_two_thousand_nodes(beyond: int) -> None:
    # {"in": [1, [ ... ]]} is five values of its own
    targeting = {"if": [{"in": [1, [1] * (DEFAULT_LIMITS.rule_nodes - 7 + beyond)]}, "x"]}
    assert rule(targeting) == ({} if beyond <= 0 else {"": "too-many-nodes"})


@pytest.mark.parametrize(("beyond", "expected"), [(-1, {}), (0, {}), (1, {"/!": "expansion-too-large"})])
def test_references_expand_to_at_most_so_many_nodes(beyond: int, expected: dict[str, str]) -> None:
    # the operation, the reference, and the evaluator: an operation, two lists and the items
    size = DEFAULT_LIMITS.expansion_nodes + beyond
    big: Any = {"in": [1, [1] * (size - 6)]}
    faults = check_targeting({"!": {"$ref": "big"}}, evaluators={"big": big}, variants=None)
    assert {pointer[:2]: code for pointer, code in codes(faults).items()} == expected


def test_a_small_document_cannot_expand_into_a_huge_one() -> None:
    evaluators: dict[str, Any] = {"e0": {"+": [1, 1]}}
    for level in range(1, 12):
        evaluators[f"e{level}"] = {"+": [{"$ref": f"e{level - 1}"}] * 10}
    [fault] = check_targeting({"$ref": "e11"}, evaluators=evaluators, variants=None)
    assert fault.code == "expansion-too-large"


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_rule_is_nested_at_most_so_deeply(beyond: int) -> None:
    targeting: Any = 1
    for _ in range(DEFAULT_LIMITS.json_depth + beyond):
        targeting = {"!": targeting}
    assert measure(targeting).depth == DEFAULT_LIMITS.json_depth + beyond
    assert rule(targeting) == ({} if beyond <= 0 else {"": "too-deep"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"key": "a b"}, {"/key": "invalid-key"}),
        ({"key": "x" * 128}, {}),
        ({"key": "x" * 129}, {"/key": "invalid-key"}),
        ({"variants": {}}, {"/variants": "missing", "/defaultVariant": "unknown-variant"}),
        ({"variants": {"off": True, "a/b": None}}, {"/variants/a~1b": "wrong-type"}),
        ({"variants": {"off": True, "x": 1}}, {"/variants": "mixed-variants"}),
        ({"variants": {"off": 1, "x": 1.5}}, {}),
        ({"default_variant": "gone"}, {"/defaultVariant": "unknown-variant"}),
        ({"default_variant": None}, {}),
        ({"targeting": {"if": [True, "gone"]}}, {"/targeting/if/1": "unknown-variant"}),
    ],
)
def test_a_flag_is_checked_as_a_whole(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert codes(check_flag(msgspec.structs.replace(GOOD, **changes), FlagSet())) == expected


@pytest.mark.parametrize(("count", "refused"), [(99, False), (100, False), (101, True)])
def test_a_flag_has_at_most_a_hundred_variants(count: int, refused: bool) -> None:
    flag = msgspec.structs.replace(GOOD, variants={f"v{n}": n for n in range(count)}, default_variant="v0")
    assert codes(check_flag(flag, FlagSet())) == ({"/variants": "too-many-variants"} if refused else {})


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_flag_has_at_most_so_many_bytes(beyond: int, refused: bool) -> None:
    def sized(length: int) -> Flag:
        return msgspec.structs.replace(GOOD, variants={"off": "x" * length})

    frame = len(msgspec.json.encode([{"off": ""}, None, {}, "", ()]))
    flag = sized(DEFAULT_LIMITS.flag_bytes - frame + beyond)
    assert codes(check_flag(flag, FlagSet())) == ({"": "too-large"} if refused else {})


def test_a_flag_sets_evaluators_are_checked_with_their_pointers() -> None:
    flag_set = FlagSet(
        key="a b", evaluators={"x/y": {"nope": 1}, "fine": {"==": [1, 1]}}, metadata={"team": "us"}
    )
    assert codes(check_flag_set(flag_set)) == {
        "/key": "invalid-key",
        "/evaluators/x~1y/nope": "unknown-operator",
    }


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(["on", "off", "v", "e"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["if", "==", "var", "fractional", "sem_ver", "in", "$ref", "map", "missing", "!", "x"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=12,
)


@given(anything, anything)
def test_no_rule_makes_a_check_raise_and_an_accepted_rule_compiles(targeting: Any, evaluator: Any) -> None:
    evaluators = {"e": evaluator if isinstance(evaluator, dict) else {}}
    flag_set = FlagSet(evaluators=evaluators)
    faults = check_targeting(targeting, evaluators=evaluators, variants=None)
    check_flag_set(flag_set)
    if faults or not isinstance(targeting, dict):
        return
    flag = msgspec.structs.replace(GOOD, targeting=targeting)
    resolution = compile_program(Snapshot(flag_set=flag_set, flags=(flag,)), clock=lambda: 0).evaluate(
        "banner", {}
    )
    # An evaluator is judged where its set is checked; a rule that only refers to it is not at fault.
    if not check_flag_set(flag_set):
        assert resolution.error_code is not ErrorCode.PARSE_ERROR
