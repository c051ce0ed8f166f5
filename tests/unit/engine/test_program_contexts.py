"""No context makes an evaluation raise, whatever the rule asks of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.program import compile_program
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.resolution import ErrorCode, Reason
from burgee.model.snapshot import Snapshot

FLAG_VARIANTS: dict[str, Any] = {"on": 1, "off": 0, "true": 2}
V: Any = {"var": "v"}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["on", "1.2.3", "f"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["v", "length"]), inner, max_size=4)
    ),
    max_leaves=20,
)
contexts = st.dictionaries(
    st.sampled_from(["v", "w", "$flagd", "targetingKey", "", "a.b"]) | st.text(max_size=4), values, max_size=6
)
W: Any = {"var": ["w.v", 1]}
RULES: tuple[Any, ...] = (
    V,
    {"var": ""},
    {"var": {"var": "v"}},
    {"fractional": [["on", 1], ["off", 1]]},
    {"fractional": [{"var": ""}, ["on", 1], ["off", 1]]},
    {"fractional": [V, ["on", W], ["off", 1]]},
    {"if": [{"==": [V, "a"]}, "on", {"==": [V, "b"]}, "off", {"in": [V, ["c", "d"]]}, "true"]},
    {"if": [{"sem_ver": [V, "^", "1.2.0"]}, "on", {"sem_ver": [W, V, V]}, "off"]},
    {"cat": [V, W, {"var": "$flagd"}, {"var": "targetingKey"}]},
    {"substr": [V, W, W]},
    {"+": [V, W, {"*": [V, V]}, {"/": [V, W]}, {"%": [V, W]}, {"-": [W]}]},
    {"<": [V, W, {"max": [V, W, {"min": [V, 1]}]}]},
    {"and": [{"===": [V, W]}, {"==": [V, W]}, {"in": [V, W]}, {"starts_with": [V, W]}]},
    {
        "merge": [
            {"map": [V, {"cat": [{"var": ""}, 1]}]},
            {"missing": ["v", "w.v"]},
            {"missing_some": [1, ["w"]]},
        ]
    },
    {"reduce": [V, {"+": [{"var": "current"}, {"var": "accumulator"}]}, W]},
    {"all": [V, {"some": [{"var": ""}, {"!": [{"none": [{"var": "v"}, {"var": ""}]}]}]}]},
)
EVERY_RULE = tuple(
    Flag(id="i", key=f"r{n}", variants=FLAG_VARIANTS, default_variant="off", targeting=rule)
    for n, rule in enumerate(RULES)
)
EITHER = tuple(
    compile_program(Snapshot(flag_set=FlagSet(), flags=EVERY_RULE), clock=lambda: 0, fractional=generation)
    for generation in FractionalGeneration
)


@given(contexts)
def test_no_context_makes_an_evaluation_raise_and_each_answers_the_same_twice(
    context: dict[str, Any],
) -> None:
    before = repr(context)
    for compiled in EITHER:
        for key, flag in compiled.flags.items():
            resolution = compiled.evaluate(key, context)
            assert resolution is flag.evaluate(context)
            assert any(resolution is each for each in flag.resolutions)
            assert resolution.error_code is not ErrorCode.PARSE_ERROR
    assert repr(context) == before


@pytest.mark.parametrize("generation", list(FractionalGeneration))
@pytest.mark.parametrize("own", [True, False])
def test_half_a_character_ends_no_process(generation: FractionalGeneration, own: bool) -> None:
    subject: list[Any] = [] if own else [{"cat": ["x", {"var": "targetingKey"}]}]
    flag = Flag(
        id="i",
        key="f",
        variants={"a": 1, "b": 2},
        default_variant="a",
        targeting={"fractional": [*subject, ["a", 1], ["b", 1]]},
    )
    program = compile_program(
        Snapshot(flag_set=FlagSet(fractional=generation), flags=(flag,)), clock=lambda: 0
    )
    assert program.evaluate("f", {"targetingKey": "\ud800"}).reason is Reason.ERROR
