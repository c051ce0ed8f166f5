"""What the operators answer that look into data: `var`, `missing` and `$flagd`."""

from typing import Any

import pytest

from burgee.engine.program import CompiledFlag, compile_program
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.resolution import ErrorCode, Reason
from burgee.model.snapshot import Snapshot

NOW = 1_700_000_000.9
OWN = {"flagKey": "banner", "timestamp": 1_700_000_000}
CONTEXT: dict[str, Any] = {
    "a": 1, "none": None, "empty": "", "zero": 0, "no": False, "deep": {"x": 1, "y": {"z": "end"}}, "list": ["p", ["q"]],
    "word": "hello", "path": "deep.x", "keys": ["gone", "a"], "1": "one", "dot.ted": 5, "numbers": [1, 2, 3],
    "rows": [{"n": 1}, {"n": 2}], "own": "$flagd.flagKey", "$flagd": {"flagKey": "forged", "timestamp": 1, "x": 1},
}  # fmt: skip


def compiled(rule: Any) -> CompiledFlag:
    flag = Flag(id="i", key="banner", variants={"on": 1, "off": 0}, default_variant="off", targeting=rule)
    snapshot = Snapshot(flag_set=FlagSet(), flags=(flag,))
    return compile_program(snapshot, clock=lambda: NOW).flags["banner"]


def gives(rule: Any, expected: Any, context: dict[str, Any]) -> bool:
    """Whether the value of a rule is `expected`, of the same JSON type."""
    test = {"===": [rule, {"var": "expected"}]}
    return compiled({"if": [test, "on", "off"]}).evaluate(context | {"expected": expected}).variant == "on"


def var(path: Any) -> Any:
    return {"var": path}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (var("a"), 1), (var(["a"]), 1), (var("gone"), None), (var(["gone", 7]), 7), (var(["none", 7]), 7), (var(["a", 7]), 1),
        (var(["zero", 7]), 0), (var(["empty", 7]), ""), (var(["no", 7]), False), (var(["gone", var("a")]), 1), (var("deep.y.z"), "end"),
        (var("deep.gone"), None), (var(["deep.gone.x", 7]), 7), (var("a.x"), None), (var("list.0"), "p"), (var("list.1.0"), "q"),
        (var(["list.2", 7]), 7), (var("list.-1"), None), (var("list.00"), None), (var("list.x"), None), (var("list.length"), 2),
        (var("list.٠"), None), (var("list.²"), None), (var("list." + "1" * 5_000), None), (var("word.0"), "h"), (var("word.4.0.0"), "o"), (var("word.length"), 5),
        (var("deep.length"), None), (var("dot.ted"), None), (var(1), "one"), (var(1.0), "one"), (var(var("path")), 1),
        (var([var("word"), 7]), 7), (var([{"cat": ["deep", ".x"]}]), 1), (var([{"cat": [var("word"), ".x"]}, "d"]), "d"),
    ],
)  # fmt: skip
def test_var_looks_up_dotted_paths(rule: Any, expected: Any) -> None:
    assert gives(rule, expected, CONTEXT)
    assert gives({"map": [var("items"), rule]}, [expected], {"items": [CONTEXT]})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"missing": ["a"]}, []), ({"missing": "gone"}, ["gone"]), ({"missing": []}, []), ({"missing": [var("keys")]}, ["gone"]),
        ({"missing": ["a", "none", "empty", "zero", "no"]}, ["none", "empty"]), ({"missing": [["gone", "a"], "more"]}, ["gone"]),
        ({"missing": ["deep.x", "deep.q", "list.0", "list.5"]}, ["deep.q", "list.5"]),
        ({"missing": [{"if": [var("a"), "gone"]}]}, ["gone"]), ({"missing": [{"merge": ["a", ["gone", "off"]]}]}, ["gone", "off"]),
        ({"missing_some": [1, ["a", "gone"]]}, []), ({"missing_some": [2, ["a", "gone"]]}, ["gone"]),
        ({"missing_some": [1, ["empty", "gone"]]}, ["empty", "gone"]), ({"missing_some": [0, ["gone"]]}, []),
        ({"missing_some": ["2", ["a", "zero", "gone"]]}, []), ({"missing_some": [var("a"), var("keys")]}, []),
        ({"missing_some": [1, "gone"]}, []), ({"missing_some": ["x", ["gone"]]}, ["gone"]),
    ],
)  # fmt: skip
def test_missing_names_the_paths_without_a_value(rule: Any, expected: Any) -> None:
    assert gives(rule, expected, CONTEXT)
    assert gives({"map": [var("items"), rule]}, [expected], {"items": [CONTEXT]})


@pytest.mark.parametrize(
    ("rule", "at_top", "in_a_loop"),
    [
        (var("$flagd.flagKey"), "banner", "forged"), (var("$flagd.timestamp"), 1_700_000_000, 1), (var("$flagd"), OWN, CONTEXT["$flagd"]),
        (var(["$flagd.x", "none"]), "none", 1), (var("$flagd.flagKey.0"), "b", "f"), (var([var("own")]), "banner", "forged"),
        (var("$flagd.timestamp.x"), None, None), ({"missing": ["$flagd.x", "$flagd.flagKey"]}, ["$flagd.x"], []),
        ({"missing": [var("own")]}, [], []), ({"missing_some": [1, ["$flagd.x"]]}, ["$flagd.x"], []),
    ],
)  # fmt: skip
def test_a_context_cannot_forge_flagds_own_properties(rule: Any, at_top: Any, in_a_loop: Any) -> None:
    assert gives(rule, at_top, CONTEXT)
    assert gives({"map": [var("items"), rule]}, [in_a_loop], {"items": [CONTEXT]})


@pytest.mark.parametrize("rule", [var(""), var([]), var(None), var(["", 7]), var([var("gone.path"), 7])])
def test_an_empty_path_is_all_data(rule: Any) -> None:
    whole = {"===": [{"merge": [rule]}, [{"x": 1, "$flagd": OWN}]]}
    assert compiled({"if": [whole, "on"]}).evaluate({"x": 1}).variant == "on"
    assert gives({"map": [var("items"), rule]}, [{"x": 1}], {"items": [{"x": 1}]})


@pytest.mark.parametrize(
    ("rule", "uses"),
    [
        (var("a"), False), (var("a.b"), False), (var("$flagd.flagKey"), False), (var("$flagd.timestamp"), True), (var("$flagd"), True),
        (var(""), True), (var(var("path")), True), ({"missing": ["a"]}, False), ({"missing": ["$flagd.x"]}, True),
        ({"missing": [var("keys")]}, True), ({"map": [var("rows"), var("")]}, False), ({"map": [var("rows"), var("$flagd.timestamp")]}, False),
    ],
)  # fmt: skip
def test_only_a_rule_that_may_see_the_time_uses_the_clock(rule: Any, uses: bool) -> None:
    assert compiled({"if": [rule, "on"]}).uses_clock is uses


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"nope": 1}, ErrorCode.PARSE_ERROR),
        ({"if": [{"nope": 1}, "on", "off"]}, ErrorCode.PARSE_ERROR),
        ({"map": [var("numbers"), {"nope": 1}]}, ErrorCode.PARSE_ERROR),
        ({"if": [var("a"), "on", {"nope": 1}]}, None),
        ({"if": [var("zero"), {"nope": 1}, "on"]}, None),
        ({"if": [{"or": [var("a"), {"nope": 1}]}, "on"]}, None),
        ({"if": [{"all": [[], {"nope": 1}]}, "off", "on"]}, None),
    ],
)
def test_an_unknown_operator_is_an_error_only_where_it_is_reached(rule: Any, code: ErrorCode | None) -> None:
    answer = compiled(rule).evaluate(CONTEXT)
    assert answer.error_code is code
    assert answer.reason is (Reason.TARGETING_MATCH if code is None else Reason.ERROR)
