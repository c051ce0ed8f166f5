"""What compiled functions are made of: nothing of a user's text, and no way out of the rule."""

import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.grammar import OPERATORS
from burgee.engine.program import CompiledFlag, compile_program
from burgee.engine.runtime import RUNTIME
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.json import JsonObject
from burgee.model.resolution import ErrorCode
from burgee.model.snapshot import Snapshot

V: Any = {"var": "v"}
HOSTILE = [
    "__class__", "__builtins__", "__import__", "__init__", "context", "failed", "c0", "t1", "item", "Exception", "None", "get",
    "'", '"', "'''", '"""', "\n", "\r\nimport os\n", "\\", "\\'", "\\N{DIGIT ONE}", "{0}", "{v!r}", "%s", "#", "x); import os #",
    "'x); import os #'", "');__import__('os')#", "\x00", "\x7f", "é", "\u2028", "\u202e", "\U0001f600", " ", "$", "~/", "lambda: 1",
]  # fmt: skip
ON_OFF: JsonObject = {"on": True, "off": False}
METHODS = {"encode", "get", "startswith", "endswith"}


def compiled(
    rule: Any, *, key: str = "f", variants: JsonObject = ON_OFF, evaluators: Any = ()
) -> CompiledFlag:
    flag = Flag(id="i", key=key, variants=variants, default_variant="off", targeting=rule)
    snapshot = Snapshot(flag_set=FlagSet(evaluators=dict(evaluators)), flags=(flag,))
    return compile_program(snapshot, clock=lambda: 0).flags[key]


def function(rule: Any) -> FunctionType:
    evaluate = compiled(rule).evaluate
    assert isinstance(evaluate, FunctionType)
    return evaluate


def code(rule: Any) -> CodeType:
    return function(rule).__code__


def codes(outer: CodeType) -> Iterator[CodeType]:
    yield outer
    for constant in outer.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def when(test: Any) -> Any:
    return {"if": [test, "on", "off"]}


def variant(rule: Any, **context: Any) -> str | None:
    return compiled(rule).evaluate(context).variant


Maker = Callable[[str], Any]


# Where a text of a user can stand in a rule, as a function of that text, and the context that it matches.
PLACES: list[tuple[Maker, Callable[[str], JsonObject]]] = [
    (lambda x: when({"===": [{"var": x}, "yes"]}), lambda x: {x: "yes"}),
    (lambda x: when({"===": [{"var": f"deep.{x}"}, "yes"]}), lambda x: {"deep": {x: "yes"}}),
    (lambda x: when({"!": {"missing": [x]}}), lambda x: {x: 1}),
    (lambda x: when({"some": [[{"var": "v"}], {"==": [{"var": x}, 1]}]}), lambda x: {"v": {x: 1}}),
    (lambda x: when({"==": [V, x]}), lambda x: {"v": x}),
    (lambda x: when({"===": [x, V]}), lambda x: {"v": x}),
    (lambda x: when({"in": [V, ["other", x]]}), lambda x: {"v": x}),
    (lambda x: when({"in": [V, f"a{x}b"]}), lambda x: {"v": x}),
    (lambda x: when({"starts_with": [V, x]}), lambda x: {"v": f"{x}b"}),
    (lambda x: when({"==": [{"cat": [x, V]}, {"var": "w"}]}), lambda x: {"v": "b", "w": f"{x}b"}),
    (lambda x: when({"==": [{"var": ["gone", x]}, {"var": "v"}]}), lambda x: {"v": x}),
    (
        lambda x: {"if": [{"==": [V, x]}, "on", {"==": [V, "1"]}, "off", {"==": [V, "2"]}, "off", "off"]},
        lambda x: {"v": x},
    ),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("make", "matching"), PLACES)
def test_a_hostile_text_is_ordinary_data(
    make: Maker, matching: Callable[[str], JsonObject], text: str
) -> None:
    assert variant(make(text), **matching(text)) == "on"
    assert variant(make(text), **matching("\x01harmless")) == "off"
    assert variant(make(text)) == "off"
    assert code(make(text)) is code(make("harmless"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_of_a_flag_or_a_variant_is_ordinary_data(text: str) -> None:
    variants: JsonObject = {text: 1, "off": 0}
    own = when({"===": [{"var": "$flagd.flagKey"}, V]})
    assert compiled(own, key=text).evaluate({"v": text}).variant == "on"
    assert compiled(own, key=text).evaluate({"v": "f"}).variant == "off"
    rules: list[Any] = [
        {"if": [V, text]},
        {"var": "name"},
        {"fractional": [[text, 1]]},
        {"if": [V, {"cat": [text, ""]}]},
    ]
    for rule in rules:
        answer = compiled(rule, key=text, variants=variants).evaluate(
            {"v": 1, "name": text, "targetingKey": text}
        )
        assert (answer.flag_key, answer.variant, answer.value) == (text, text, 1)
    assert compiled({"if": [V, "gone"]}, key=text).evaluate({"v": 1}).error_message.count(f"`{text}`") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_operator_or_evaluator_is_a_name_and_nothing_more(text: str) -> None:
    assert compiled(when({text: [1, V]})).evaluate({}).error_code is ErrorCode.PARSE_ERROR
    assert (
        compiled(when({"$ref": text}), evaluators={text: {"==": [V, 1]}}).evaluate({"v": 1}).variant == "on"
    )
    assert compiled(when({"$ref": text})).evaluate({"v": 1}).error_code is ErrorCode.PARSE_ERROR
    assert code(when({text: [1]})) is code(when({"nope": [1]}))


@given(st.text(min_size=1).filter(lambda text: "." not in text and not text.startswith("$flagd")))
def test_any_text_names_an_attribute_and_equals_itself(text: str) -> None:
    assert variant(when({"===": [{"var": text}, text]}), **{text: text}) == "on"
    assert variant(when({"===": [{"var": text}, text]}), **{text: text + "!"}) == "off"


@pytest.mark.parametrize(
    "path", ["v.__class__", "v.__class__.__mro__", "v.get", "v.0.upper", "__globals__", "v.__len__"]
)
@pytest.mark.parametrize("value", ["text", ["a"], {"a": 1}, 1, 1.5, True, None])
def test_no_path_reaches_an_attribute_of_a_python_object(path: str, value: Any) -> None:
    for rule in ({"var": path}, {"var": {"cat": [path]}}, {"var": {"var": "path"}}):
        assert variant(when({"===": [rule, None]}), v=value, path=path) == "on"
        in_a_loop = {"some": [[V], {"!==": [{"var": path[2:]}, None]}]}
        assert variant(when(in_a_loop), v=value) == "off"


EVERY: list[Any] = [
    {"var": "a"}, {"var": "a.b"}, {"var": [V, 1]}, {"var": ""}, {"var": ["a", {"var": "b"}]}, {"var": "$flagd.timestamp"},
    {"==": [V, "a"]}, {"==": [V, 1]}, {"==": [V, None]}, {"==": [V, V]}, {"!=": [V, True]}, {"===": [V, 1]}, {"!==": [V, "a"]},
    {"<": [V, 1]}, {"<=": [V, "a"]}, {">": [V, V]}, {">=": [1, V, 2]}, {"!": V}, {"!!": V}, {"if": [V, "on", V]},
    {"cat": [{"if": [V, V, 1]}, "x"]}, {"and": [V, V]}, {"cat": [{"and": [V, V]}, {"or": [V, 1]}]}, {"or": [V, 1]},
    {"+": [V, 1]}, {"-": [V]}, {"*": [V, 2]}, {"/": [V, 2]}, {"%": [V, 2]}, {"min": [V, 1]}, {"max": [V, 1]}, {"merge": [V, [V, 1]]},
    {"cat": ["a", V]}, {"substr": [V, 1]}, {"in": [V, "abc"]}, {"in": [V, ["a"]]}, {"in": [V, [1]]}, {"in": [V, [1, "a"]]},
    {"missing": ["a", V]}, {"missing_some": [1, ["a", "b"]]}, {"map": [V, {"map": [{"var": ""}, 1]}]}, {"filter": [V, V]},
    {"all": [V, V]}, {"some": [V, {"==": [{"var": ""}, "a"]}]}, {"none": [V, V]}, {"reduce": [V, {"var": "current"}, V]},
    {"starts_with": [V, "a"]}, {"ends_with": [V, "a"]}, {"ends_with": [V, V]}, {"sem_ver": [V, "^", "1.0.0"]},
    {"sem_ver": [V, "~", "1.0.0"]}, {"sem_ver": [V, V, V]}, {"and": [{"sem_ver": [V, ">", "1"]}, {"sem_ver": [V, "<", "2"]}]},
    {"fractional": [["on", 1], ["off", 1]]}, {"fractional": [V, ["on", 1], ["off", 1]]}, {"fractional": [V, ["on", V]]}, {"nope": 1},
    {"if": [{"==": [V, "a"]}, "on", {"==": [V, "b"]}, "on", {"in": [V, ["c"]]}, "off"]},
]  # fmt: skip


def test_the_rules_below_use_every_operator() -> None:
    assert {operator for rule in EVERY for operator in rule} == OPERATORS | {"nope"}


@pytest.mark.parametrize("generation", list(FractionalGeneration), ids=lambda value: value.value)
def test_compiled_code_reaches_no_builtin_and_no_import(generation: FractionalGeneration) -> None:
    flags = tuple(
        Flag(id="i", key=f"{place}-{form}", variants=ON_OFF, default_variant="off", targeting=rule)
        for place, each in enumerate(EVERY)
        for form, rule in enumerate((each, when(each), when({"==": [{"cat": ["x", each]}, V]})))
    )
    program = compile_program(Snapshot(flag_set=FlagSet(fractional=generation), flags=flags), clock=lambda: 0)
    texts: set[Any] = set()
    for flag in program.flags.values():
        evaluate = flag.evaluate
        assert isinstance(evaluate, FunctionType)
        assert evaluate.__globals__ is RUNTIME
        assert cast(Any, evaluate).__builtins__ == {}
        for inner in codes(evaluate.__code__):
            assert set(inner.co_names) <= (RUNTIME.keys() - {"__builtins__"}) | METHODS
            texts.update(constant for constant in inner.co_consts if isinstance(constant, str))
            for step in dis.get_instructions(inner):
                assert not step.opname.startswith(
                    ("IMPORT", "STORE_GLOBAL", "STORE_ATTR", "LOAD_BUILD", "DELETE_GLOBAL")
                )
                assert step.opname not in ("LOAD_ATTR", "LOAD_METHOD") or step.argval in METHODS
    assert {text for text in texts if "<lambda>" not in text} == {"targetingKey"}
