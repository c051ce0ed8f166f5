"""map, filter, reduce, all, some and none: what they give, and the bounds that stop them."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.check import check_targeting
from burgee.engine.loops import mapped
from burgee.engine.program import Program, compile_program
from burgee.engine.values import MAX_TEXT, MAX_VISITS, EvaluationBoundError
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import ErrorCode, Resolution
from burgee.model.snapshot import Snapshot

V: Any = {"var": "v"}
ITEM: Any = {"var": ""}
CURRENT: Any = {"var": "current"}
GROWN: Any = {"var": "accumulator"}
SUM: Any = {"+": [CURRENT, GROWN]}
MEGABYTE = 1_000_000


def program(targeting: Any, **options: Any) -> Program:
    assert check_targeting(targeting, evaluators={}, variants=None) == ()
    flag = Flag(id="i", key="f", variants={"true": 1, "false": 0}, default_variant=None, targeting=targeting)
    return compile_program(Snapshot(flag_set=FlagSet(), flags=(flag,)), clock=lambda: 0, **options)


def evaluated(targeting: Any, v: Any = None, **options: Any) -> Resolution:
    return program(targeting, **options).evaluate("f", {"v": v})


def gives(rule: Any, expected: Any, v: Any = None) -> bool:
    """Whether `rule` gives exactly `expected`, by `===`: 1 is not true and not "1"."""
    compiled = program({"===": [rule, {"var": "w"}]})
    return compiled.evaluate("f", {"v": v, "w": expected}).variant == "true"


def went_over(resolution: Resolution) -> bool:
    return resolution.error_code is ErrorCode.GENERAL and resolution.error_message.endswith("over its bounds")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"map": [V, {"*": [ITEM, 2]}]}, [2, 4, 6]),
        ({"map": [V, "x"]}, ["x", "x", "x"]),
        ({"map": [[1, V], ITEM]}, [1, [1, 2, 3]]),
        ({"filter": [V, {">": [ITEM, 1]}]}, [2, 3]),
        ({"filter": [V, {"-": [ITEM, 2]}]}, [1, 3]),
        ({"reduce": [V, SUM, 0]}, 6),
        ({"reduce": [V, {"cat": [GROWN, CURRENT]}, ">"]}, ">123"),
        ({"reduce": [V, CURRENT, 0]}, 3),
        ({"reduce": [V, ITEM, 0]}, {"current": 3, "accumulator": {"current": 2, "accumulator": {"current": 1, "accumulator": 0}}}),
        ({"all": [V, {">": [ITEM, 0]}]}, True),
        ({"all": [V, {">": [ITEM, 1]}]}, False),
        ({"all": [V, ITEM]}, True),
        ({"some": [V, {">": [ITEM, 2]}]}, True),
        ({"some": [V, {">": [ITEM, 3]}]}, False),
        ({"none": [V, {">": [ITEM, 2]}]}, False),
        ({"none": [V, {">": [ITEM, 3]}]}, True),
    ],
)  # fmt: skip
def test_a_loop_goes_over_the_items_of_a_list(rule: Any, expected: Any) -> None:
    assert gives(rule, expected, [1, 2, 3])


@pytest.mark.parametrize("items", [[], None, "abc", 3, True, {"0": 1}])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"map": [V, ITEM]}, []),
        ({"filter": [V, True]}, []),
        ({"all": [V, True]}, False),
        ({"some": [V, True]}, False),
        ({"none": [V, True]}, True),
        ({"reduce": [V, SUM, 7]}, 7),
        ({"reduce": [V, SUM, None]}, None),
    ],
)
def test_an_empty_list_and_what_is_no_list_have_no_items(rule: Any, expected: Any, items: Any) -> None:
    assert gives(rule, expected, items)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"map": [V, {"map": [ITEM, {"+": [ITEM, 1]}]}]}, [[2, 3], [], [4]]),
        ({"filter": [V, {"some": [ITEM, {"==": [ITEM, 3]}]}]}, [[3]]),
        ({"reduce": [{"map": [V, {"reduce": [ITEM, SUM, 0]}]}, SUM, 0]}, 6),
        ({"reduce": [V, {"merge": [GROWN, CURRENT]}, []]}, [1, 2, 3]),
        ({"all": [V, {"all": [ITEM, True]}]}, False),
        ({"none": [V, {"none": [ITEM, {">": [ITEM, 2]}]}]}, False),
    ],
)
def test_a_loop_may_stand_in_a_loop(rule: Any, expected: Any) -> None:
    assert gives(rule, expected, [[1, 2], [], [3]])


@pytest.mark.parametrize("path", ["v", "targetingKey", "$flagd.flagKey"])
def test_a_body_sees_its_item_and_nothing_around_it(path: str) -> None:
    assert gives(
        {"map": [V, {"var": path}]}, [None, 1], [0, {"v": 1, "targetingKey": 1, "$flagd": {"flagKey": 1}}]
    )


def test_the_conditions_of_a_rule_share_one_budget_and_each_evaluation_has_its_own() -> None:
    loop: Any = {"some": [V, False]}
    twice = program({"if": [loop, True, loop, True, False]}, limits=Limits(evaluation_steps=10))
    for count, stopped in ((5, False), (6, True), (5, False)):
        assert went_over(twice.evaluate("f", {"v": [0] * count})) is stopped


@pytest.mark.parametrize(
    "rule",
    [{name: [V, False]} for name in ("map", "filter", "all", "some", "none")] + [{"reduce": [V, False, 0]}],
)
@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, Limits(evaluation_steps=10)])
@pytest.mark.parametrize(("beyond", "stopped"), [(-1, False), (0, False), (1, True)])
def test_an_evaluation_takes_at_most_so_many_steps(
    rule: Any, limits: Limits, beyond: int, stopped: bool
) -> None:
    resolution = evaluated({"!!": [rule]}, [0] * (limits.evaluation_steps + beyond), limits=limits)
    assert went_over(resolution) is stopped
    assert resolution.error_code is (ErrorCode.GENERAL if stopped else None)


@pytest.mark.parametrize(("beyond", "stopped"), [(-1, False), (0, False), (1, True)])
def test_the_steps_of_inner_loops_count(beyond: int, stopped: bool) -> None:
    inner = [[0] * 3, [0] * (4 + beyond), [0] * 3]
    targeting: Any = {"none": [V, {"some": [ITEM, ITEM]}]}
    assert went_over(evaluated(targeting, inner, limits=Limits(evaluation_steps=13))) is stopped


def test_too_many_steps_are_refused_before_the_first_one() -> None:
    seen: list[Any] = []
    left = [2]
    with pytest.raises(EvaluationBoundError):
        mapped([1, 2, 3], seen.append, left)
    assert seen == []


@pytest.mark.parametrize(("rounds", "stopped"), [(15, False), (16, False), (17, True), (60, True)])
@pytest.mark.parametrize(("operator", "start"), [("cat", "x"), ("merge", [0])])
def test_what_doubles_with_every_item_is_stopped_at_the_output_bound(
    operator: str, start: Any, rounds: int, stopped: bool
) -> None:
    assert MAX_TEXT == DEFAULT_LIMITS.output_bytes == 2**16
    targeting: Any = {"==": [{"var": "v.length"}, {"reduce": [V, {operator: [GROWN, GROWN]}, start]}]}
    tracemalloc.start()
    resolution = evaluated(targeting, [0] * rounds)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert went_over(resolution) is stopped
    assert peak < 4 * MEGABYTE


@pytest.mark.parametrize(("beyond", "stopped"), [(-1, False), (0, False), (1, True)])
def test_a_text_has_at_most_so_many_characters(beyond: int, stopped: bool) -> None:
    parts = ["x" * (MAX_TEXT // 2), "y" * (MAX_TEXT // 2 + beyond)]
    whole: Any = {"cat": [{"var": "v.0"}, {"var": "v.1"}]}
    grown: Any = {"reduce": [V, {"cat": [GROWN, CURRENT]}, ""]}
    listed: Any = {"cat": [[{"var": "v.0"}, {"substr": [{"var": "v.1"}, 1]}]]}  # a comma joins the two
    for rule in (whole, grown, listed):
        assert went_over(evaluated({"!!": [rule]}, parts)) is stopped


@pytest.mark.parametrize(("beyond", "stopped"), [(-1, False), (0, False), (1, True)])
def test_a_list_has_at_most_so_many_items(beyond: int, stopped: bool) -> None:
    assert (
        went_over(evaluated({"!!": [{"merge": [V, V, [0] * (2 + beyond)]}]}, [0] * (MAX_TEXT // 2 - 1)))
        is stopped
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"cat": [GROWN, ""]},
        {"==": [GROWN, "x"]},
        {"<": [GROWN, "x"]},
        {"in": [GROWN, "x"]},
        {"===": [GROWN, {"merge": [GROWN]}]},
        {"substr": [GROWN, 0, 1]},
        {"var": GROWN},
        {"fractional": [ITEM, ["true"]]},
    ],
)
def test_a_value_of_shared_parts_is_not_walked_to_its_end(rule: Any) -> None:
    """Twenty rounds of `[a, a]` make twenty short lists, and 2^20 values for whoever walks them."""
    body: Any = {"if": [{"<": [CURRENT, 20]}, [GROWN, GROWN], rule]}
    targeting: Any = {"!!": [{"reduce": [V, body, "x"]}]}
    compiled = program(targeting, fractional=FractionalGeneration.V3)
    assert went_over(compiled.evaluate("f", {"v": list(range(21))}))
    assert not went_over(compiled.evaluate("f", {"v": [*range(9), 20]}))


def test_lists_nested_thousands_deep_make_no_evaluation_raise() -> None:
    deep: Any = {"reduce": [V, [GROWN], 0]}
    rules: tuple[Any, ...] = ({"cat": [deep]}, {"===": [deep, deep]}, {"==": [deep, "x"]}, {"+": [deep]})
    for rule in rules:
        assert evaluated({"!!": [rule]}, [0] * 5_000).error_code in (None, ErrorCode.GENERAL)


DOUBLED: Any = {"reduce": [[0] * 13, {"merge": [GROWN, GROWN]}, [0]]}
"""8,192 items in 13 steps."""


def test_all_that_an_evaluation_builds_counts_against_the_output_bound() -> None:
    lists: Any = {"map": [V, DOUBLED]}
    assert went_over(evaluated({"!!": [lists]}, [0] * 32))  # 2^18 items, in 448 steps


def test_all_that_an_evaluation_compares_counts_against_the_step_bound() -> None:
    many = MAX_VISITS // 8
    alike: Any = {"all": [V, {"===": [{"var": "a"}, {"var": "b"}]}]}
    assert went_over(evaluated(alike, [{"a": [0] * many, "b": [0] * many}] * 32))
    needle: Any = {"in": [{"var": "v.31"}, V]}
    assert went_over(evaluated(needle, [[0] * many + [n] for n in range(32)][::-1]))


FAR = "a." * 30_000
DIGITS = "1" * 60_000


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ({"some": [V, {"==": [{"var": [FAR]}, 1]}]}, [0] * 9_990),
        ({"some": [V, {">": [{"var": ""}, DIGITS]}]}, [0] * 9_990),
        ({"some": [V, {"==": [{"+": [DIGITS, {"var": ""}]}, 1]}]}, [0] * 9_990),
        ({"reduce": [V, {"var": {"var": "accumulator"}}, "b." * 25_000]}, [{"b": 1}] * 1_000),
        (
            {
                "reduce": [
                    {"var": "v.items"},
                    {
                        "if": [
                            {"fractional": [{"var": "accumulator"}, ["on", 1]]},
                            {"var": "accumulator"},
                            {"var": "accumulator"},
                        ]
                    },
                    {"var": "v.large"},
                ]
            },
            {"items": [0] * 500, "large": {"x": [0] * 9_900}},
        ),
    ],
)
def test_what_is_slow_counts_as_many_steps(rule: Any, data: Any) -> None:
    assert went_over(evaluated({"!!": [rule]}, data))


def test_a_loop_of_ordinary_tests_over_a_long_list_is_within_bounds() -> None:
    orders: Any = [{"sku": f"s{n}", "price": n, "tags": ["a", "b"]} for n in range(2_000)]
    body: Any = {
        "and": [
            {">=": [{"var": "price"}, 0]},
            {"in": ["b", {"var": "tags"}]},
            {"starts_with": [{"var": "sku"}, "s"]},
            {"!=": [{"var": "sku"}, "t"]},
        ]
    }
    assert evaluated({"all": [V, body]}, orders).variant == "true"


@given(st.lists(st.integers(-3, 3), max_size=12), st.integers(-3, 3))
def test_loops_agree_with_each_other(items: list[int], pivot: int) -> None:
    above: Any = {">": [ITEM, pivot]}
    kept = [item for item in items if item > pivot]
    assert gives({"filter": [V, above]}, kept, items)
    assert gives({"some": [V, above]}, bool(kept), items)
    assert gives({"none": [V, above]}, not kept, items)
    assert gives({"all": [V, above]}, bool(items) and kept == items, items)
    assert gives({"map": [V, above]}, [item > pivot for item in items], items)
    assert gives({"reduce": [V, SUM, pivot]}, sum(items) + pivot, items)
