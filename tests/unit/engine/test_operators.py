"""What every operator answers: folded, read from a context, as a condition and inside a loop."""

from itertools import product
from math import inf, isnan, nan
from typing import Any

import pytest

from burgee.engine.program import compile_program
from burgee.engine.values import truthy
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot


def branch(test: Any, context: dict[str, Any]) -> str | None:
    """Where a flag goes whose rule depends on `test`."""
    rule: Any = {"if": [test, "on", "off"]}
    flag = Flag(id="i", key="banner", variants={"on": 1, "off": 0}, targeting=rule)
    program = compile_program(Snapshot(flag_set=FlagSet(), flags=(flag,)), clock=lambda: 0)
    return program.evaluate("banner", context).variant


def gives(rule: Any, expected: Any, context: dict[str, Any]) -> bool:
    """Whether the value of a rule is `expected`, of the same JSON type; and its truth is that of `expected`."""
    if branch(rule, context) != ("on" if truthy(expected) else "off"):
        return False
    if type(expected) is float and isnan(expected):
        rule, expected = {"cat": [rule]}, "NaN"
    return branch({"===": [rule, {"var": "expected"}]}, context | {"expected": expected}) == "on"


def gives_in_a_loop(rule: Any, expected: Any, item: Any) -> bool:
    if type(expected) is float and isnan(expected):
        rule, expected = {"cat": [rule]}, "NaN"
    return gives({"map": [{"var": "items"}, rule]}, [expected], {"items": [item]})


def is_literal(value: Any) -> bool:
    if type(value) is list:
        return all(map(is_literal, value))
    return type(value) is not dict or len(value) != 1


def wrong_forms(operator: str, operands: list[Any], expected: Any) -> list[Any]:
    """Of all ways to give operands as constants or attributes, those that do not give `expected`."""
    context = {f"v{place}": value for place, value in enumerate(operands)}
    ways = [
        ([value] if is_literal(value) else []) + [{"var": f"v{place}"}]
        for place, value in enumerate(operands)
    ]
    rules: list[Any] = [{operator: list(way)} for way in product(*ways)]
    return [
        rule
        for rule in rules
        if not (gives(rule, expected, context) and gives_in_a_loop(rule, expected, context))
    ]


def cases(table: dict[str, list[tuple[list[Any], Any]]]) -> list[tuple[str, list[Any], Any]]:
    return [(operator, operands, result) for operator, rows in table.items() for operands, result in rows]


EQUAL: dict[str, list[tuple[list[Any], Any]]] = {
    "==": [
        ([1, 1.0], True), ([1, "1"], True), ([1, 2], False), (["a", "a"], True), (["a", "A"], False), ([True, 1], True),
        ([True, "1"], True), ([False, 0], True), ([True, "true"], False), ([None, None], True), ([None, 0], False),
        ([None, False], False), ([None, ""], False), ([None, []], False), ([[1], 1], True), ([[1, 2], "1,2"], True),
        ([[], 0], True), ([{}, 0], False), ([{}, "[object Object]"], True), ([[1], [1]], False), ([{}, {}], False),
        (["x", 0], False), (["1e1", 10], True), ([" 1 ", 1], True), (["1_0", 10], False),
    ],
    "===": [
        ([1, 1.0], True), ([1, "1"], False), (["a", "a"], True), (["a", "b"], False), ([True, 1], False), ([0, False], False),
        ([1.0, True], False), ([False, False], True), ([None, None], True), ([None, 0], False), ([None, False], False),
        ([[1, "a"], [1.0, "a"]], True), ([[True], [1]], False), ([{"a": [1]}, {"a": [1]}], True), ([{"a": 1}, {"b": 1}], False),
        ([[], {}], False), ([[], ""], False), (["", None], False),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("operator", "operands", "expected"), cases(EQUAL))
def test_equality_has_two_sides_and_an_opposite(operator: str, operands: list[Any], expected: bool) -> None:
    opposite = operator.replace("=", "!", 1)
    for sides in (operands, operands[::-1]):
        assert wrong_forms(operator, sides, expected) == []
        assert wrong_forms(opposite, sides, not expected) == []


@pytest.mark.parametrize(
    ("a", "b", "less", "at_most"),
    [
        (1, 2, True, True), (2, 2.0, False, True), (2, 1, False, False), (1.5, 2, True, True), ("a", "b", True, True),
        ("a", "a", False, True), ("Z", "a", True, True), ("10", "9", True, True), ("10", 9, False, False), ("9", 10, True, True),
        (None, 1, True, True), (None, 0, False, True), (False, True, True, True), (True, "2", True, True), ([2], 3, True, True),
        (1, "x", False, False), ("x", 1, False, False), ({}, 1, False, False), ([1, 2], 3, False, False), ({}, {}, False, False),
        ("\uff5a", "\U0001f600", True, True), (["a"], "b", True, True), (-1, [], True, True),
    ],
)  # fmt: skip
def test_order_reads_the_same_from_both_sides(a: Any, b: Any, less: bool, at_most: bool) -> None:
    assert wrong_forms("<", [a, b], less) == []
    assert wrong_forms(">", [b, a], less) == []
    assert wrong_forms("<=", [a, b], at_most) == []
    assert wrong_forms(">=", [b, a], at_most) == []


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "", [], {}, None, False])
def test_zero_values_are_false_wherever_a_truth_is_asked_for(value: Any) -> None:
    assert wrong_forms("!", [value], True) == []
    assert wrong_forms("!!", [value], False) == []
    assert wrong_forms("if", [value, "then", "else"], "else") == []
    assert wrong_forms("and", [value, "second"], value) == []
    assert wrong_forms("or", [value, "second"], "second") == []
    assert wrong_forms("or", [value], value) == []


@pytest.mark.parametrize(
    "value", [1, -1, 0.1, "0", "false", " ", [0], [[]], {"a": None}, {"a": 0, "b": 0}, True]
)
def test_all_other_values_are_true_wherever_a_truth_is_asked_for(value: Any) -> None:
    assert wrong_forms("!", [value], False) == []
    assert wrong_forms("!!", [value], True) == []
    assert wrong_forms("if", [value, "then", "else"], "then") == []
    assert wrong_forms("and", [value, "second"], "second") == []
    assert wrong_forms("or", [value, "second"], value) == []


PLAIN: dict[str, list[tuple[list[Any], Any]]] = {
    "<": [([1, 2, 3], True), ([1, "2", 3], True), ([1, 1, 3], False), ([1, 3, 3], False), ([1, 2, 0], False)],
    "<=": [([1, 1, 3], True), ([1, 3, 3], True), ([1, 4, 3], False), ([1, 0, 3], False), (["a", "b", "b"], True)],
    ">": [([3, 2, 1], True), ([3, 3, 1], False), ([3, 1, 1], False)],
    ">=": [([3, 3, 1], True), ([3, 1, 1], True), ([3, 0, 1], False)],
    "if": [
        ([0, "a", 1, "b", "c"], "b"), ([0, "a", "", "b", "c"], "c"), ([0, "a"], None), ([1, "a"], "a"), (["a"], "a"), ([], None),
        ([1, None, "c"], None), ([1, 0, "c"], 0), ([0, "a", [], "b"], None),
    ],
    "and": [([1, 2, 3], 3), ([1, 0, 3], 0), ([1, "", None], ""), ([5], 5), ([True, {}, 1], {}), ([], None)],
    "or": [([0, "", []], []), ([0, "a", 1], "a"), ([None, False], False), ([0, None, 7], 7), ([], None)],
    "+": [
        ([1, 2, 3], 6), (["2", 3], 5), (["3.5"], 3.5), ([], 0), ([None, True, 1], 2), (["x", 1], nan), ([[4], 1], 5),
        ([{}, 1], nan), ([[1, 2], 1], nan), ([0.5, 0.25], 0.75), ([2**63 - 1, 1], 2.0**63), ([1e308, 1e308], inf),
    ],
    "-": [([5], -5), ([5, 3], 2), (["5", "3"], 2), (["x"], nan), ([None], 0), ([True, 3], -2), ([-(2**63), 1], -(2.0**63))],
    "*": [([2, 3, 4], 24), (["2", True], 2), ([2, None], 0), ([2, "x"], nan), ([], 1), ([1e308, 10], inf), ([0.5, 4], 2)],
    "/": [
        ([7, 2], 3.5), (["6", "3"], 2), ([1, 0], inf), ([-1, 0], -inf), ([0, 0], nan), (["x", 0], nan), ([1, None], inf),
        ([1, "x"], nan), ([[8], 2], 4),
    ],
    "%": [
        ([7, 3], 1), ([-7, 3], -1), ([7, -3], 1), ([7.5, 2], 1.5), ([-7.5, 2], -1.5), ([1, 0], nan), ([1, 0.0], nan),
        (["7", "4"], 3), ([True, 2], 1), ([{}, 2], nan), ([6, 3], 0),
    ],
    "min": [([3, 1, 2], 1), (["1", 9], 1), ([None, 1], 0), ([True, 2], 1), ([], nan), (["x"], nan)],
    "max": [([3, 1, 2], 3), (["10", 9], 10), ([None, -1], 0), ([True, 0.5], 1), ([], nan), ([{}], nan)],
    "in": [
        (["b", "abc"], True), (["", "abc"], True), (["B", "abc"], False), ([1, "a1"], True), ([1.0, "a1"], True),
        ([True, "is true"], True), ([["b"], "abc"], True), ([{}, "abc"], False), (["a", ["a", "b"]], True), (["c", ["a", "b"]], False),
        (["1", [1, 2]], False), ([1, ["1", "2"]], False), ([1, [1.0]], True), ([1.0, [1, 2]], True), ([True, [1]], False),
        ([False, [0, 1.5]], False), ([1, [True]], False), ([True, [True, 1]], True), ([None, [None]], True), ([None, ["a"]], False),
        ([None, [0]], False), (["a", []], False), ([["a"], ["a"]], False), ([["a"], [["a"]]], True), ([{}, ["a"]], False),
        ([{"b": 2, "a": 1}, [{"a": 1, "b": 2}]], True), (["a", ["b", 1, "a"]], True), (["a", None], False), ([1, 5], False),
        (["a", {"a": 1, "b": 2}], False), (["a"], False), (["a", ["a"], "more"], True),
    ],
    "cat": [
        (["a", "b", "c"], "abc"), (["a", 1], "a1"), (["a", 1.0], "a1"), (["a", 1.5], "a1.5"), (["a", None], "a"), ([None, "a"], "a"),
        (["a", True], "atrue"), (["a", ["b", None, 1]], "ab,,1"), (["a", {}], "a[object Object]"), ([7], "7"), ([], ""),
        ([" a", "b "], " ab "), (["a", ""], "a"),
    ],
    "substr": [
        (["jsonlogic", 4], "logic"), (["jsonlogic", -5], "logic"), (["jsonlogic", 1, 3], "son"), (["jsonlogic", 4, -2], "log"),
        (["abc", -9], "abc"), (["abc", 9], ""), (["abc", 0, 0], ""), (["abc", 2, -2], ""), (["abc", 0, -4], ""), (["abc", 0, 99], "abc"),
        ([12345, 1, 2], "23"), (["abc", "1"], "bc"), (["abc", "x"], "abc"), (["abc", 1.9], "bc"), (["abc", 0, "x"], ""),
        (["abc", 1e300], ""), (["abc", -1e300], "abc"), (["a\U0001f600b", 1, 1], "\U0001f600"), ([None, 0, 2], "nu"),
    ],
    "merge": [([[1, 2], [3]], [1, 2, 3]), ([1, [2], "a"], [1, 2, "a"]), ([[[1]], 2], [[1], 2]), ([None], [None]), ([], [])],
    "starts_with": [
        (["abc", "ab"], True), (["abc", "b"], False), (["abc", ""], True), (["ABC", "a"], False), ([1, "1"], None), (["1", 1], None),
        ([None, "a"], None), (["a", None], None), ([True, "true"], None), ([["a"], "a"], None), (["a", ["a", "b"]], None),
        ([{}, "a"], None), (["a"], None), (["a", "a", "a"], None), ([], None),
    ],
    "ends_with": [
        (["abc", "bc"], True), (["abc", "b"], False), (["abc", ""], True), (["ABC", "c"], False), ([1, "1"], None), (["1", 1], None),
        ([None, "a"], None), (["a", ["a", "b"]], None), (["a"], None), (["a", "a", "a"], None),
    ],
    "sem_ver": [
        (["1.2.3", "=", "v1.2.3+b"], True), (["1.2.3", "=", "1.2.4"], False), (["1.2.3", "!=", "1.2.4"], True),
        (["1.2", "!=", "1.2.0"], False), (["1.9.9", "<", "1.10.0"], True), (["1.0.0", "<", "1.0.0-rc"], False),
        (["1.0.0", "<=", "1"], True), (["1.0.1", "<=", "1"], False), (["2", ">", "1.9.9"], True), (["1", ">", "1"], False),
        (["1", ">=", "1.0.0-a"], True), (["1", ">=", "1.0.1"], False), (["1.9.0", "^", "1.0.0"], True), (["2.0.0", "^", "1.0.0"], False),
        (["1.2.9", "~", "1.2.0"], True), (["1.3.0", "~", "1.2.0"], False), (["2.2.0", "~", "1.2.0"], False), ([1, "=", "1.0.0"], True),
        (["1.2.0", "=", 1.2], True), (["x", "=", "1.0.0"], None), (["1.0.0", "!=", "x"], None), (["1.0.0", "==", "1.0.0"], None),
        (["1.0.0", None, "1.0.0"], None), (["1.0.0", ["="], "1.0.0"], None), ([None, "!=", "1.0.0"], None), ([True, "=", "1"], None),
        (["1.0.0", "="], None), (["1.0.0", "=", "1.0.0", "x"], None), (["1.0.0.0", "=", "1.0.0"], None), ([], None),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("operator", "operands", "expected"), cases(PLAIN))
def test_operators_of_values(operator: str, operands: list[Any], expected: Any) -> None:
    assert wrong_forms(operator, operands, expected) == []
