"""The seven shapes of rules that the evaluators are compared on, and the same by hand in Python.

A shape is a list of rules; a rule is a list of clauses that must all hold; the first rule that holds gives
`on`, otherwise the flag is `off`. Every contender gets the same shape in its own format.
"""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from mmh3 import hash as murmur3

Clause = tuple[str, str, Any]
"""Attribute, operator (`eq`, `in`, `gt`, `semver_ge`) and value."""


class Shape(NamedTuple):
    """`split` is the share of subjects (percent) that get `on`; None where rules decide."""

    name: str
    rules: list[list[Clause]]
    split: int | None = None


COUNTRIES = ["CH", "DE", "FR", "AT", "IT", "ES"]
PLANS = [f"plan-{number}" for number in range(25)]
MIXED: list[list[Clause]] = [
    [
        [("team", "eq", f"team-{number}")],
        [("country", "in", [f"X{number}", f"Y{number}"])],
        [("score", "gt", 1000 + number)],
        [("version", "semver_ge", f"{9 + number}.0.0")],
    ][number % 4]
    for number in range(20)
]
SHAPES = [
    Shape("static", []),
    Shape("one equality", [[("plan", "eq", "plan-1")]]),
    Shape(
        "five clauses",
        [
            [
                ("country", "in", ["CH", "DE", "FR"]),
                ("beta", "eq", "yes"),
                ("score", "gt", 10),
                ("team", "eq", "team-1"),
                ("plan", "in", PLANS[:20]),
            ]
        ],
    ),
    Shape("fractional", [], split=50),
    Shape("semver", [[("version", "semver_ge", "1.2.3")]]),
    Shape("20 mixed rules", MIXED),
    Shape("20 equality rules", [[("plan", "eq", PLANS[number])] for number in range(20)]),
]


def contexts(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Subjects with the attributes that the shapes look at."""
    chance = random.Random(seed)
    return [
        {
            "targetingKey": f"user-{chance.randrange(10**9)}",
            "country": chance.choice(COUNTRIES),
            "plan": chance.choice(PLANS),
            "team": f"team-{chance.randrange(3)}",
            "beta": chance.choice(["yes", "yes", "no"]),
            "score": chance.randrange(100),
            "version": f"{chance.randrange(3)}.{chance.randrange(5)}.{chance.randrange(9)}",
        }
        for _ in range(count)
    ]


def flagd_rule(shape: Shape) -> dict[str, Any] | None:
    """The shape as flagd targeting."""
    if shape.split is not None:
        return {"fractional": [{"var": "targetingKey"}, ["on", shape.split], ["off", 100 - shape.split]]}
    if not shape.rules:
        return None
    parts: list[Any] = []
    for rule in shape.rules:
        tests = [_flagd_clause(clause) for clause in rule]
        parts += [tests[0] if len(tests) == 1 else {"and": tests}, "on"]
    return {"if": [*parts, "off"]}


def _flagd_clause(clause: Clause) -> dict[str, Any]:
    attribute, operator, value = clause
    match operator:
        case "eq":
            return {"==": [{"var": attribute}, value]}
        case "in":
            return {"in": [{"var": attribute}, value]}
        case "gt":
            return {">": [{"var": attribute}, value]}
        case _:
            return {"sem_ver": [{"var": attribute}, ">=", value]}


# By hand: what a programmer would write instead of asking a flag service. -----------------------------------

_versions: dict[str, tuple[int, ...]] = {}


def _version(text: str) -> tuple[int, ...]:
    found = _versions.get(text)
    if found is None:
        found = _versions[text] = tuple(int(part) for part in text.split("."))
    return found


def _static(_context: dict[str, Any]) -> bool:
    return True


def _one_equality(context: dict[str, Any]) -> bool:
    if context.get("plan") == "plan-1":
        return True
    return False


_FIRST_COUNTRIES = frozenset(["CH", "DE", "FR"])
_FIRST_PLANS = frozenset(PLANS[:20])


def _five_clauses(context: dict[str, Any]) -> bool:
    if (
        context.get("country") in _FIRST_COUNTRIES
        and context.get("beta") == "yes"
        and context.get("score", 0) > 10
        and context.get("team") == "team-1"
        and context.get("plan") in _FIRST_PLANS
    ):
        return True
    return False


def _fractional(context: dict[str, Any]) -> bool:
    return (murmur3(context["targetingKey"], 0, False) * 100) >> 32 < 50


def _semver(context: dict[str, Any]) -> bool:
    if _version(context.get("version", "0.0.0")) >= (1, 2, 3):
        return True
    return False


def _written(rules: list[list[Clause]]) -> Callable[[dict[str, Any]], bool]:
    """Twenty `if` lines as one would type them; generated, since nobody wants to read them."""
    lines = ["def by_hand(context):"]
    for [(attribute, operator, value)] in rules:
        got = f"context.get({attribute!r})"
        if operator == "eq":
            test = f"{got} == {value!r}"
        elif operator == "in":
            test = f"{got} in {tuple(value)!r}"
        elif operator == "gt":
            test = f"context.get({attribute!r}, 0) > {value!r}"
        else:
            test = f"_version(context.get({attribute!r}, '0.0.0')) >= {_version(value)!r}"
        lines += [f"    if {test}:", "        return True"]
    scope: dict[str, Any] = {"_version": _version}
    exec("\n".join([*lines, "    return False"]), scope)
    by_hand: Callable[[dict[str, Any]], bool] = scope["by_hand"]
    return by_hand


BY_HAND: dict[str, Callable[[dict[str, Any]], bool]] = {
    "static": _static,
    "one equality": _one_equality,
    "five clauses": _five_clauses,
    "fractional": _fractional,
    "semver": _semver,
    "20 mixed rules": _written(MIXED),
    "20 equality rules": _written(SHAPES[6].rules),
}
