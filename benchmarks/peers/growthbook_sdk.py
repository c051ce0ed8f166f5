"""growthbook, with features given directly."""

from collections.abc import Callable
from typing import Any

from growthbook import GrowthBook
from shapes import Clause, Shape

NAME, LANGUAGE = "growthbook", "Python"


def _condition(rule: list[Clause]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for attribute, operator, value in rule:
        made[attribute] = (
            value if operator == "eq" else {{"in": "$in", "gt": "$gt", "semver_ge": "$vgte"}[operator]: value}
        )
    return made


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]]:
    rules: list[dict[str, Any]] = [{"condition": _condition(rule), "force": True} for rule in shape.rules]
    if shape.split is not None:
        rules = [{"force": True, "coverage": shape.split / 100, "hashAttribute": "targetingKey"}]
    book = GrowthBook(features={"flag": {"defaultValue": not rules, "rules": rules}})

    def evaluate(attributes: dict[str, Any]) -> bool:
        book.set_attributes(attributes)
        return bool(book.eval_feature("flag").value)

    return [lambda context=context: evaluate(context) for context in contexts]
