"""flagsmith-flag-engine: one segment with an override for each rule."""

from collections.abc import Callable
from typing import Any

from flag_engine.engine import get_evaluation_result
from shapes import Clause, Shape

NAME, LANGUAGE = "flagsmith-flag-engine", "Python"


def _condition(clause: Clause) -> dict[str, Any]:
    attribute, operator, value = clause
    match operator:
        case "eq":
            return {"property": attribute, "operator": "EQUAL", "value": str(value)}
        case "in":
            return {"property": attribute, "operator": "IN", "value": value}
        case "gt":
            return {"property": attribute, "operator": "GREATER_THAN", "value": str(value)}
        case _:
            return {"property": attribute, "operator": "GREATER_THAN_INCLUSIVE", "value": f"{value}:semver"}


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]] | None:
    if shape.split is not None:
        return None
    feature = {"key": "1", "name": "flag", "enabled": not shape.rules, "value": None}
    segments = {
        str(place): {
            "key": str(place),
            "name": f"rule-{place}",
            "rules": [{"type": "ALL", "conditions": [_condition(clause) for clause in rule]}],
            "overrides": [feature | {"enabled": True, "priority": place}],
        }
        for place, rule in enumerate(shape.rules)
    }

    def native(context: dict[str, Any]) -> dict[str, Any]:
        traits = {name: value for name, value in context.items() if name != "targetingKey"}
        identity = {"identifier": context["targetingKey"], "key": context["targetingKey"], "traits": traits}
        return {
            "environment": {"key": "e", "name": "e"}, "identity": identity, "segments": segments,
            "features": {"flag": feature},
        }  # fmt: skip

    made = [native(context) for context in contexts]
    return [
        lambda context=context: get_evaluation_result(context)["flags"]["flag"]["enabled"] for context in made
    ]
