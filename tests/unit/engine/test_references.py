"""How `$ref` is expanded, how large a rule is, and how a place in it is named."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.program import compile_program
from burgee.engine.references import escaped, expand, is_small, measure, reference_of
from burgee.errors import InvalidInputError, LimitExceededError
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import ErrorCode
from burgee.model.snapshot import Snapshot

V: Any = {"var": "v"}
TEST: Any = {"==": [V, 1]}


def ref(name: str) -> Any:
    return {"$ref": name}


def refused(
    rule: Any, evaluators: Mapping[str, Any], limits: Limits = DEFAULT_LIMITS
) -> tuple[str, str, str]:
    """Pointer, code and message of the one fault for which a rule is not expanded."""
    with pytest.raises(InvalidInputError) as caught:
        expand(rule, evaluators, limits)
    [fault] = caught.value.faults
    assert isinstance(caught.value, LimitExceededError) is (fault.code in ("expansion-too-large", "too-deep"))
    return fault


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"$ref": "a"}, "a"),
        ({"$ref": ""}, ""),
        ({"$ref": "$ref"}, "$ref"),
        ({"$ref": 1}, None),
        ({"$ref": None}, None),
        ({"$ref": ["a"]}, None),
        ({"$ref": {"$ref": "a"}}, None),
        ({"$ref": "a", "x": 1}, None),
        ({"ref": "a"}, None),
        ({}, None),
        (["$ref"], None),
        ("$ref", None),
        (None, None),
    ],
)
def test_only_an_object_of_one_ref_and_a_name_is_a_reference(value: Any, name: str | None) -> None:
    assert reference_of(value) == name


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ref("test"), TEST),
        ({"if": [ref("test"), "on", "off"]}, {"if": [TEST, "on", "off"]}),
        ({"!": ref("test")}, {"!": TEST}),
        ({"and": [ref("test"), ref("test")]}, {"and": [TEST, TEST]}),
        ({"or": [[ref("test")], {"a": ref("test"), "b": 1}]}, {"or": [[TEST], {"a": TEST, "b": 1}]}),
        (ref("outer"), {"!": {"and": [TEST, TEST]}}),
        ({"if": [ref("alias"), "on"]}, {"if": [TEST, "on"]}),
        (ref("diamond"), {"or": [TEST, {"!": {"and": [TEST, TEST]}}]}),
        (ref(""), {"!": 1}),
        (ref("a/b~c"), {"!": 2}),
        (ref("__class__"), {"!": 3}),
        ({"$ref": "test", "more": ref("test")}, {"$ref": "test", "more": TEST}),
        ({"$ref": 1}, {"$ref": 1}),
        ({"==": ["$ref", "test"]}, {"==": ["$ref", "test"]}),
        ({}, {}),
    ],
)
def test_references_are_replaced_wherever_they_stand(rule: Any, expected: Any) -> None:
    evaluators: dict[str, Any] = {
        "test": TEST,
        "inner": {"and": [ref("test"), ref("alias")]},
        "outer": {"!": ref("inner")},
        "alias": ref("test"),
        "diamond": {"or": [ref("test"), ref("outer")]},
        "": {"!": 1},
        "a/b~c": {"!": 2},
        "__class__": {"!": 3},
        "broken, but not used": {"and": [ref("gone"), ref("broken, but not used")]},
    }
    before = deepcopy((rule, evaluators))
    assert expand(rule, evaluators) == expected
    assert (rule, evaluators) == before


@pytest.mark.parametrize(
    ("rule", "pointer", "name"),
    [
        (ref("gone"), "", "gone"),
        ({"if": ["x", ref("gone")]}, "/if/1", "gone"),
        ({"a/b~": [[0, ref("")]]}, "/a~1b~0/0/1", ""),
        ({"!": ref("inner")}, "/!/and/1", "lost"),
        ({"and": [ref("alias"), ref("gone")]}, "/and/0", "lost"),
        (ref("Inner"), "", "Inner"),
    ],
)
def test_a_missing_evaluator_is_named_with_its_place(rule: Any, pointer: str, name: str) -> None:
    fault = refused(rule, {"inner": {"and": [1, ref("lost")]}, "alias": ref("lost")})
    assert fault[:2] == (pointer, "dangling-ref")
    assert repr(name) in fault[2]


@pytest.mark.parametrize(
    ("evaluators", "pointer", "circle"),
    [
        ({"a": ref("a")}, "", "a -> a"),
        ({"a": {"!": ref("a")}}, "/!", "a -> a"),
        ({"a": {"!": ref("b")}, "b": {"and": [1, ref("a")]}}, "/!/and/1", "a -> b -> a"),
        ({"a": ref("b"), "b": ref("c"), "c": {"!": ref("b")}}, "/!", "b -> c -> b"),
        ({"a": {"if": [1, ref("fine"), ref("a")]}, "fine": TEST}, "/if/2", "a -> a"),
    ],
)
def test_a_circle_is_named_from_where_it_begins(evaluators: Any, pointer: str, circle: str) -> None:
    fault = refused(ref("a"), evaluators)
    assert fault[:2] == (pointer, "ref-cycle")
    assert fault[2].endswith(f": {circle}")
    deeper = refused({"if": [ref("a"), "on"]}, evaluators)
    assert deeper[:2] == (f"/if/0{pointer}", "ref-cycle")


def test_a_flag_with_a_circle_or_a_missing_evaluator_answers_with_the_place() -> None:
    def flag(key: str, test: Any) -> Flag:
        return Flag(id=key, key=key, variants={"on": 1}, default_variant="on", targeting={"if": [test, "on"]})

    flags = (flag("circle", ref("a")), flag("fine", ref("fine")), flag("lost", ref("gone")))
    evaluators: dict[str, Any] = {"a": {"!": ref("a")}, "fine": {"==": [V, 1]}}
    snapshot = Snapshot(flag_set=FlagSet(evaluators=evaluators), flags=flags)
    program = compile_program(snapshot, clock=lambda: 0)
    assert program.evaluate("fine", {"v": 1}).variant == "on"
    for key, place in (("circle", "/if/0/!"), ("lost", "/if/0")):
        answer = program.evaluate(key, {"v": 1})
        assert answer.error_code is ErrorCode.PARSE_ERROR
        assert place + ": " in answer.error_message


@pytest.mark.parametrize(
    ("rule", "nodes", "last"),
    [
        ({"==": [1, 1]}, 4, "/==/1"),
        (ref("test"), 1 + 5, "/==/1"),
        ({"and": [ref("test"), ref("test"), 1]}, 2 + 6 + 6 + 1, "/and/2"),
        ({"!": ref("outer")}, 1 + 1 + 1 + 1 + 5, "/!/!/==/1"),
    ],
)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_an_expansion_has_at_most_so_many_nodes(rule: Any, nodes: int, last: str, beyond: int) -> None:
    evaluators = {"test": TEST, "outer": {"!": ref("test")}}
    limits = Limits(expansion_nodes=nodes - beyond)
    if beyond <= 0:
        assert expand(rule, evaluators, limits) == expand(rule, evaluators)
    else:
        pointer, code, message = refused(rule, evaluators, limits)
        assert (pointer, code) == (last, "expansion-too-large")
        assert f"more than {nodes - 1} nodes" in message


@pytest.mark.parametrize("length", [31, 32, 33])
def test_a_chain_of_references_is_as_long_as_a_rule_is_deep(length: int) -> None:
    assert DEFAULT_LIMITS.json_depth == 32
    chain: dict[str, Any] = {f"e{place}": ref(f"e{place + 1}") for place in range(length)}
    chain[f"e{length - 1}"] = TEST
    if length <= 32:
        assert expand(ref("e0"), chain) == TEST
    else:
        assert refused(ref("e0"), chain)[:2] == ("", "too-deep")


def test_evaluators_that_double_each_other_are_refused_at_the_bound() -> None:
    evaluators: dict[str, Any] = {f"e{n}": {"+": [ref(f"e{n + 1}")] * 2} for n in range(30)} | {"e30": TEST}
    pointer, code, _ = refused(ref("e0"), evaluators)
    assert code == "expansion-too-large"
    assert pointer.startswith("/+/0/+/0/")


@pytest.mark.parametrize(
    ("rule", "size"),
    [
        (1, (1, 0, False)),
        ({}, (1, 1, False)),
        ([], (1, 1, False)),
        ({"a": [1, 2]}, (4, 2, False)),
        ({"a": [[], {"b": {}}], "c": 1}, (6, 4, False)),
        ({"if": [TEST, "on"]}, (8, 5, False)),
        (ref("a"), (2, 1, True)),
        ([[ref("a")], 1], (5, 3, True)),
        ({"$ref": 1, "x": 2}, (3, 1, True)),
        (["$ref"], (2, 1, False)),
        ({"a": "$ref"}, (2, 1, False)),
    ],
)
def test_the_size_of_a_rule(rule: Any, size: tuple[int, int, bool]) -> None:
    assert measure(rule) == size


def test_no_nesting_is_too_deep_to_be_measured() -> None:
    rule: Any = ref("a")
    for _ in range(50_000):
        rule = [rule]
    assert measure(rule) == (50_002, 50_001, True)


@pytest.mark.parametrize(
    ("key", "step"), [("", ""), ("a", "a"), ("a/b", "a~1b"), ("~", "~0"), ("~1", "~01"), ("/~", "~1~0"), ("é\n", "é\n")]
)  # fmt: skip
def test_a_key_becomes_one_step_of_a_pointer(key: str, step: str) -> None:
    assert escaped(key) == step


@given(st.text())
def test_a_step_reads_back_as_its_key(key: str) -> None:
    assert "/" not in escaped(key)
    assert escaped(key).replace("~1", "/").replace("~0", "~") == key


@given(
    st.recursive(
        st.integers() | st.text(max_size=2),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner),
    )
)
def test_a_rule_without_references_stays_as_it_is(rule: Any) -> None:
    assert expand(rule, {}) == rule
    assert expand({"": ref("e")}, {"e": rule}) == {"": rule}
    limits = Limits(expansion_nodes=measure(rule).nodes)
    assert expand(rule, {}, limits) == rule


rules = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('a,[{"$ref', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("a,{$", max_size=3), inner, max_size=3)
    ),
)


@given(rules, st.integers(1, 8), st.integers(1, 12))
def test_what_looks_small_is_small(rule: Any, depth: int, nodes: int) -> None:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, json_depth=depth, rule_nodes=nodes)
    size = measure(rule)
    if is_small(rule, limits):
        assert size.depth <= depth
        assert size.nodes <= nodes
        assert not size.has_reference


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ([[]], True),
        ([[[]]], False),
        ([1, 2, 3], True),
        ([1, 2, 3, 4], False),
        ({"$ref": 1}, False),
        ({"a": "$ref"}, False),
        ({"a": "$refs"}, True),
    ],
)
def test_a_glance_is_exact_where_texts_hold_no_signs(rule: Any, expected: bool) -> None:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, json_depth=2, rule_nodes=4)
    assert is_small(rule, limits) is expected


def test_nesting_of_any_depth_is_not_small() -> None:
    rule: Any = []
    for _ in range(100_000):
        rule = [rule]
    assert not is_small(rule, DEFAULT_LIMITS)
