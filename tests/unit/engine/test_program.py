"""What a compiled program answers: reasons, error codes, metadata, reuse and shared code."""

import json
from typing import Any

import msgspec
import pytest

from burgee.engine.check import check_targeting
from burgee.engine.program import CompiledFlag, Program, compile_program
from burgee.model.flag import Flag, FlagStatus
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.limits import Limits
from burgee.model.resolution import ErrorCode, Reason, Resolution
from burgee.model.snapshot import Snapshot

VARIANTS: dict[str, Any] = {"on": "yes", "off": "no", "true": "T", "false": "F", "3": "three", "1.5": "half"}
FLAG = Flag(id="i", key="f", variants=VARIANTS, default_variant="off")
V: Any = {"var": "v"}
ON_ONE: Any = {"if": [{"==": [V, 1]}, "on"]}


def program(*flags: Flag, flag_set: FlagSet | None = None, **options: Any) -> Program:
    snapshot = Snapshot(flag_set=flag_set or FlagSet(), flags=flags)
    return compile_program(snapshot, **{"clock": lambda: 1_700_000_000.9} | options)


def changed(**changes: Any) -> Flag:
    return msgspec.structs.replace(FLAG, **changes)


def resolved(context: Any = None, **changes: Any) -> Resolution:
    return program(changed(**changes)).evaluate("f", context or {})


def summary(resolution: Resolution) -> tuple[Reason, str | None, Any, ErrorCode | None]:
    return resolution.reason, resolution.variant, resolution.value, resolution.error_code


def code_of(flag: CompiledFlag) -> Any:
    return flag.evaluate.__code__


NOTHING = (Reason.DEFAULT, None, None, None)
DISABLED = (Reason.DISABLED, None, None, None)
GENERAL = (Reason.ERROR, None, None, ErrorCode.GENERAL)
UNREADABLE = (Reason.ERROR, None, None, ErrorCode.PARSE_ERROR)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (Reason.STATIC, "off", "no", None)),
        ({"targeting": {}}, (Reason.STATIC, "off", "no", None)),
        ({"default_variant": None}, NOTHING),
        ({"default_variant": ""}, NOTHING),
        ({"default_variant": "gone"}, GENERAL),
        ({"targeting": ON_ONE}, (Reason.DEFAULT, "off", "no", None)),
        ({"targeting": ON_ONE, "default_variant": None}, NOTHING),
        ({"targeting": ON_ONE, "default_variant": "gone"}, GENERAL),
        (
            {"targeting": {"if": [True, "on"]}, "default_variant": "gone"},
            (Reason.TARGETING_MATCH, "on", "yes", None),
        ),
        ({"targeting": {"bogus": [1]}}, UNREADABLE),
        ({"targeting": {"$ref": "gone"}}, UNREADABLE),
        ({"status": FlagStatus.DISABLED}, DISABLED),
        ({"status": FlagStatus.DISABLED, "targeting": ON_ONE}, DISABLED),
        ({"status": FlagStatus.DISABLED, "default_variant": "gone"}, DISABLED),
        ({"status": FlagStatus.DISABLED, "targeting": {"$ref": "gone"}}, DISABLED),
    ],
)
def test_a_flag_without_a_match_says_why(changes: dict[str, Any], expected: Any) -> None:
    assert summary(resolved(**changes)) == expected


@pytest.mark.parametrize(
    ("result", "variant"),
    [
        ("on", "on"),
        ("off", "off"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (1.5, "1.5"),
        ("gone", None),
        ("", None),
        (4, None),
        ([], None),
        (["on"], None),
        ({}, None),
        ({"a": 1, "b": 2}, None),
    ],
)
def test_what_targeting_gives_names_a_variant(result: Any, variant: str | None) -> None:
    expected = (Reason.TARGETING_MATCH, variant, VARIANTS.get(variant or ""), None) if variant else GENERAL
    assert summary(resolved({"v": result}, targeting=V)) == expected
    assert summary(resolved(targeting={"if": [True, result]})) == expected


@pytest.mark.parametrize(
    "targeting", [V, {"if": [True, None]}, {"if": [False, "on"]}, {"starts_with": [V, "a"]}]
)
def test_targeting_that_gives_null_leaves_it_to_the_default(targeting: Any) -> None:
    assert summary(resolved(targeting=targeting)) == (Reason.DEFAULT, "off", "no", None)


def test_a_key_that_no_flag_has_is_not_found() -> None:
    resolution = program(FLAG).evaluate("F", {})
    assert (resolution.flag_key, resolution.metadata) == ("F", {})
    assert summary(resolution) == (Reason.ERROR, None, None, ErrorCode.FLAG_NOT_FOUND)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"targeting": {"$ref": "gone"}},
            "error parsing the flag `f`: /: there is no evaluator named 'gone'",
        ),
        ({"targeting": {"bogus": 1}}, "error parsing the flag `f`"),
        ({"targeting": {"if": [True, "gone"]}}, "targeting of flag `f` gave a variant that does not exist"),
        ({"default_variant": "gone"}, "the default variant of flag `f` does not exist"),
    ],
)
def test_an_error_names_the_flag_and_the_trouble(changes: dict[str, Any], words: str) -> None:
    assert resolved(**changes).error_message == words


@pytest.mark.parametrize(("beyond", "readable"), [(-1, True), (0, True), (1, False)])
def test_a_rule_over_its_limits_is_not_compiled(beyond: int, readable: bool) -> None:
    targeting: Any = {"if": [True, "on"]}  # an operation, its list and two values, two levels deep
    expected = (Reason.TARGETING_MATCH, "on", "yes", None) if readable else UNREADABLE
    for limits in (Limits(rule_nodes=4 - beyond), Limits(json_depth=2 - beyond)):
        assert summary(program(changed(targeting=targeting), limits=limits).evaluate("f", {})) == expected


@pytest.mark.parametrize("operator", ["or", "and"])
@pytest.mark.parametrize(
    "count",
    [300, 1900],
)
def test_a_rule_that_is_accepted_compiles_however_many_operands_it_has(operator: str, count: int) -> None:
    targeting: Any = {operator: [V, *[operator == "and"] * count, "on"]}
    assert check_targeting(targeting, evaluators={}, variants=None) == ()
    assert summary(resolved({"v": operator == "and"}, targeting=targeting))[1] == "on"


def test_flag_metadata_goes_over_that_of_the_set() -> None:
    flag_set = FlagSet(key="shop", metadata={"team": "set", "stage": "dev"})
    flags = (
        changed(key="own", metadata={"team": "flag", "n": 1}),
        changed(key="plain"),
        changed(key="bad", targeting={"x": 1}),
    )
    compiled = program(*flags, flag_set=flag_set)
    expected = {"team": "flag", "stage": "dev", "n": 1, "flagSetId": "shop"}
    assert compiled.evaluate("own", {}).metadata == expected
    for key in ("plain", "bad"):
        assert compiled.evaluate(key, {}).metadata == {"team": "set", "stage": "dev", "flagSetId": "shop"}


@pytest.mark.parametrize(
    ("flag_set", "expected"),
    [
        (FlagSet(), {}),
        (FlagSet(key="shop"), {"flagSetId": "shop"}),
        (
            FlagSet(key="sso.dev-88359c239a4ae317", metadata={"flagSetId": "sso/dev"}),
            {"flagSetId": "sso/dev"},
        ),
    ],
)
def test_metadata_names_the_set_unless_it_is_the_default(flag_set: FlagSet, expected: dict[str, Any]) -> None:
    assert program(FLAG, flag_set=flag_set).evaluate("f", {}).metadata == expected


@pytest.mark.parametrize("changes", [{}, {"targeting": {"if": [{"==": [V, 1]}, "on", "off"]}}])
@pytest.mark.parametrize(("number", "written"), [(10, "10"), (10.0, "10.0"), (-0.0, "-0.0"), (0, "0")])
def test_a_number_keeps_its_written_form(changes: dict[str, Any], number: float, written: str) -> None:
    assert json.dumps(resolved(variants={"on": 0.5, "off": number}, **changes).value) == written


def test_the_clock_and_the_flags_own_key_are_in_sight_of_a_rule() -> None:
    for name, text in (("flagKey", "f"), ("timestamp", 1_700_000_000)):
        targeting: Any = {"if": [{"===": [{"var": f"$flagd.{name}"}, text]}, "on"]}
        compiled = program(changed(targeting=targeting))
        assert compiled.evaluate("f", {"$flagd": {name: "forged"}}).variant == "on"
        assert compiled.flags["f"].uses_clock is (name == "timestamp")


def test_a_path_may_itself_be_computed() -> None:
    targeting: Any = {"if": [{"===": [{"var": {"cat": [V]}}, "there"]}, "on"]}
    assert resolved({"v": "w", "w": "there"}, targeting=targeting).variant == "on"


def test_flags_are_in_order_of_their_keys() -> None:
    assert list(program(*(changed(key=key) for key in ("b", "a", "B", "a.1"))).flags) == [
        "B",
        "a",
        "a.1",
        "b",
    ]


def test_one_poisoned_flag_of_a_thousand_leaves_the_others_right() -> None:
    flags = [changed(key=f"f{n}", targeting=ON_ONE, variants={"on": n, "off": -n}) for n in range(1000)]
    flags[500] = msgspec.structs.replace(flags[500], targeting={"$ref": "gone"})
    compiled = program(*flags)
    cases: Any = (({"v": 1}, 1, Reason.TARGETING_MATCH), ({"v": 2}, -1, Reason.DEFAULT))
    for context, sign, reason in cases:
        for n in range(1000):
            resolution = compiled.evaluate(f"f{n}", context)
            right = (reason, sign * n) if n != 500 else (Reason.ERROR, None)
            assert (resolution.reason, resolution.value) == right


def test_ten_thousand_flags_of_one_shape_share_one_code_object() -> None:
    flags = [
        changed(key=f"f{n}", targeting={"if": [{"==": [{"var": f"a{n}"}, n]}, "on"]}) for n in range(10_000)
    ]
    compiled = program(*flags)
    assert len({id(code_of(flag)) for flag in compiled.flags.values()}) == 1
    for n in (0, 1, 9_999):
        assert compiled.evaluate(f"f{n}", {f"a{n}": n}).variant == "on"
        assert compiled.evaluate(f"f{n}", {f"a{n}": n + 1}).variant == "off"


def test_flags_of_two_shapes_have_two_code_objects() -> None:
    rules: tuple[Any, ...] = (ON_ONE, {"if": [{"==": [V, 2]}, "off"]}, {"if": [{"!=": [V, 1]}, "on"]})
    compiled = program(*(changed(key=f"f{n}", targeting=rule) for n, rule in enumerate(rules)))
    first, second, third = (code_of(flag) for flag in compiled.flags.values())
    assert first is second
    assert first is not third


@pytest.mark.parametrize("generation", FractionalGeneration)
def test_the_sets_generation_goes_before_the_servers(generation: FractionalGeneration) -> None:
    other = next(each for each in FractionalGeneration if each is not generation)
    flag = changed(targeting={"fractional": [["on", 1], ["off", 1]]})
    answers = {
        pinned: [
            program(flag, flag_set=FlagSet(fractional=pinned), fractional=fractional)
            .evaluate("f", {"targetingKey": f"u{n}"})
            .variant
            for n in range(100)
        ]
        for pinned, fractional in ((generation, other), (None, generation), (other, other))
    }
    assert answers[generation] == answers[None]
    assert answers[generation] != answers[other]
