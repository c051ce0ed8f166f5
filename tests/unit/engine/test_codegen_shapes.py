"""What the compiler spares: folded constants, sets, tables, one read of an attribute, shared code objects."""

from types import FunctionType
from typing import Any

import pytest

from burgee.engine.program import CompiledFlag, compile_program
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.model.resolution import ErrorCode, Resolution
from burgee.model.snapshot import Snapshot

V: Any = {"var": "v"}
W: Any = {"var": "w"}
VARIANTS: JsonObject = {"on": True, "off": False, "x": True}


def flag_with(rule: Any, key: str = "f") -> Flag:
    return Flag(id=key, key=key, variants=VARIANTS, default_variant="off", targeting=rule)


def compiled(rule: Any) -> CompiledFlag:
    return compile_program(Snapshot(flag_set=FlagSet(), flags=(flag_with(rule),)), clock=lambda: 0).flags["f"]


def function(rule: Any) -> FunctionType:
    evaluate = compiled(rule).evaluate
    assert isinstance(evaluate, FunctionType)
    return evaluate


def share_code(one: Any, other: Any) -> bool:
    return function(one).__code__ is function(other).__code__


def held(rule: Any, kind: type) -> list[Any]:
    """What the function of a rule uses beside its code, of one Python type."""
    contents = [cell.cell_contents for cell in function(rule).__closure__ or ()]
    return [content for content in contents if type(content) is kind]


def when(test: Any) -> Any:
    return {"if": [test, "on", "off"]}


def variant(rule: Any, **context: Any) -> str | None:
    return compiled(rule).evaluate(context).variant


class Counting(dict[str, Any]):
    """A context that counts how often it is asked."""

    reads = 0

    def get(self, key: Any, default: Any = None) -> Any:
        self.reads += 1
        return super().get(key, default)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (when({"==": [1, "1"]}), "on"),
        (when({"<": [{"+": [1, {"*": [2, 3]}]}, 7]}), "off"),
        (when({"!": [[]]}), "on"),
        (when({"and": [1, {"or": [0, ""]}]}), "off"),
        (when({"or": [{"in": ["a", ["a", "b"]]}, V]}), "on"),
        (when({"and": [{"sem_ver": ["1.0.0", ">", "1.0.1"]}, V]}), "off"),
        ({"if": [0, V, False, W, "x"]}, "x"),
        ({"if": [False, V, {"if": [True, "x", V]}]}, "x"),
        ({"cat": ["o", {"substr": ["jon", -1]}]}, "on"),
        ({"if": [{"merge": [[], []]}, V]}, "off"),
        (when({"==": [{"if": [1, {"max": [1, 2]}, V]}, 2]}), "on"),
        (when({"starts_with": [V, 1]}), "off"),
        (when({"sem_ver": [V, "=", "not a version"]}), "off"),
    ],
)
def test_what_does_not_depend_on_a_context_is_folded(rule: Any, expected: str) -> None:
    context = Counting(v="", w="")
    assert compiled(rule).evaluate(context).variant == expected
    assert context.reads == 0
    assert function(rule).__code__.co_names == ()


def test_constants_are_folded_inside_a_test_that_stays() -> None:
    rule = when({"==": [V, {"+": [1, {"-": [3, 1]}]}]})
    assert share_code(rule, when({"==": [V, {"+": [2, {"-": [4, 1]}]}]}))
    assert held(rule, int) == [3]
    assert (variant(rule, v=3), variant(rule, v="3"), variant(rule, v=4)) == ("on", "on", "off")


def test_a_constant_that_is_too_large_fails_where_it_is_reached() -> None:
    rule: Any = {"if": [V, {"cat": ["x" * 40_000, "y" * 40_000]}, "on"]}
    assert variant(rule, v=False) == "on"
    assert compiled(rule).evaluate({"v": True}).error_code is ErrorCode.GENERAL


@pytest.mark.parametrize(
    ("items", "inside", "outside"),
    [
        (["a", "b", "a"], ["a", "b"], ["c", "", 1, None, ["a"], {"a": 1}, True]),
        ([1, 2.5, 3.0], [1, 1.0, 2.5, 3], [True, "1", None, [1], {}, 4]),
        ([], [], ["a", 1, None, [], {}]),
    ],
)
def test_constants_of_one_type_become_a_set(items: list[Any], inside: list[Any], outside: list[Any]) -> None:
    rule = when({"in": [V, items]})
    assert held(rule, frozenset) == [frozenset(items)]
    assert held(rule, list) == []
    answers = [variant(rule, v=value) for value in inside + outside]
    assert answers == ["on"] * len(inside) + ["off"] * len(outside)


@pytest.mark.parametrize("items", [["a", 1], ["a", None], [True, 1], [["a"]], [1, False], [{}]])
def test_constants_of_several_types_stay_a_list(items: list[Any]) -> None:
    rule = when({"in": [V, items]})
    assert (held(rule, frozenset), held(rule, list)) == ([], [items])
    assert {variant(rule, v=value) for value in items} == {"on"}
    assert variant(rule, v="other") == "off"


CHAIN: Any = {
    "if": [
        {"===": [V, "1"]}, "x", {"==": ["1", V]}, "on", {"in": [V, ["2", "3", "1"]]}, "x", {"==": [V, "3"]}, "on", "off",
    ]
}  # fmt: skip


def test_a_chain_over_one_attribute_becomes_one_dictionary() -> None:
    [table] = held(CHAIN, dict)
    assert {text: answer.variant for text, answer in table.items()} == {"1": "x", "2": "x", "3": "x"}
    assert all(type(answer) is Resolution for answer in table.values())
    context = Counting(v="3")
    assert compiled(CHAIN).evaluate(context).variant == "x"
    assert context.reads == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", "x"), ("2", "x"), ("3", "x"), ("4", "off"), ("", "off"), (None, "off"), (1, "on"), (1.0, "on"), (True, "on"),
        (["1"], "on"), (2, "off"), (3, "on"), ([3], "on"), ({}, "off"), ([], "off"),
    ],
)  # fmt: skip
def test_a_dictionary_answers_as_the_first_match_of_its_chain(value: Any, expected: str) -> None:
    assert variant(CHAIN, v=value) == expected
    # The same chain behind another attribute in between is no dictionary.
    apart = {
        "if": [
            *CHAIN["if"][:2],
            {"==": [W, 1]},
            "off",
            *CHAIN["if"][2:4],
            {"==": [W, 1]},
            "off",
            *CHAIN["if"][4:],
        ]
    }
    assert held(apart, dict) == []
    assert variant(apart, v=value) == expected


@pytest.mark.parametrize(
    ("tests", "tables"),
    [
        ([{"==": [V, "1"]}] * 2, 0),
        ([{"==": [V, "1"]}] * 3, 1),
        ([{"==": [V, "1"]}] * 3 + [{"==": [W, "1"]}] * 3, 2),
        ([{"==": [V, "1"]}] * 3 + [W] + [{"==": [V, "1"]}] * 3, 2),
        ([{"==": [V, "1"]}, {"==": [W, "1"]}] * 3, 0),
        ([{"==": [V, 1]}] * 3, 0),
        ([{"!=": [V, "1"]}] * 3, 0),
        ([{"in": [["1"], V]}] * 3, 0),
        ([{"==": [{"var": ["v", "1"]}, "1"]}] * 3, 0),
        ([{"==": [{"var": "$flagd.flagKey"}, "1"]}] * 3, 0),
    ],
)
def test_three_tests_in_a_row_of_one_attribute_against_texts_make_a_table(
    tests: list[Any], tables: int
) -> None:
    rule: Any = {"if": [part for test in tests for part in (test, "on")]}
    assert len(held(rule, dict)) == tables
    assert variant(rule, v="0", w="") == ("on" if {"!=": [V, "1"]} in tests else "off")


def test_an_end_that_is_a_rule_is_in_no_table() -> None:
    rule: Any = {"if": [part for text in "123" for part in ({"==": [V, text]}, {"if": [W, "on", "x"]})]}
    assert held(rule, dict) == []
    assert (variant(rule, v="2", w=1), variant(rule, v="2"), variant(rule, v="4")) == ("on", "x", "off")


def test_an_attribute_is_read_once_however_often_it_is_tested() -> None:
    rule = when(
        {"and": [{">": [V, 1]}, {"<": [V, 9]}, {"!=": [V, 5]}, {">": [{"var": "deep.n"}, V]}, {"==": [V, 3]}]}
    )
    context = Counting(v=3, deep={"n": 4})
    assert compiled(rule).evaluate(context).variant == "on"
    assert context.reads == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (when({"==": [V, "a"]}), when({"==": [W, "b"]})),
        (when({"==": [V, 1]}), when({"==": [{"var": "other"}, 2.5]})),
        (when({"in": [V, ["a", "b"]]}), when({"in": [W, ["c", "d", "e", "f"]]})),
        (when({"sem_ver": [V, "^", "1.2.3"]}), when({"sem_ver": [W, "^", "2.0.0"]})),
        ({"if": [V, "on", "off"]}, {"if": [W, "x", "on"]}),
        ({"fractional": [["on", 1], ["off", 9]]}, {"fractional": [["off", 50], ["x", 50]]}),
        (CHAIN, {"if": [*[part for text in "abcdefgh" for part in ({"==": [W, text]}, "on")], "off"]}),
    ],
)
def test_flags_of_one_shape_share_a_code_object_and_nothing_else(one: Any, other: Any) -> None:
    flags = (flag_with(one, "a"), flag_with(other, "b"))
    program = compile_program(Snapshot(flag_set=FlagSet(), flags=flags), clock=lambda: 0)
    first, second = (program.flags[key].evaluate for key in "ab")
    assert isinstance(first, FunctionType)
    assert isinstance(second, FunctionType)
    assert first.__code__ is second.__code__ is function(one).__code__
    assert first({}).flag_key == "a"
    assert second({}).flag_key == "b"


def test_shared_code_answers_with_the_constants_of_each_flag() -> None:
    one, other = when({"in": [V, ["a", "b"]]}), {"if": [{"in": [W, ["c"]]}, "x", "on"]}
    assert share_code(one, other)
    assert [variant(one, v=value, w="c") for value in "abc"] == ["on", "on", "off"]
    assert [variant(other, v="a", w=value) for value in "abc"] == ["on", "on", "x"]


@pytest.mark.parametrize(
    ("constant", "equal"), [(1, "110000"), (True, "001000"), ("1", "000100"), (None, "000010")]
)
def test_constants_that_python_takes_for_equal_do_not_share_an_answer(constant: Any, equal: str) -> None:
    answers = [variant(when({"===": [V, constant]}), v=value) for value in (1, 1.0, True, "1", None, False)]
    assert answers == ["on" if sign == "1" else "off" for sign in equal]


def test_a_text_has_the_same_bound_however_it_is_put_together() -> None:
    long = "y" * 65_536
    codes = [
        compiled(when({"cat": [head, V]})).evaluate({"v": long, "w": "x"}).error_code
        for head in (W, ["x"], "x")
    ]
    assert codes == [ErrorCode.GENERAL] * 3
