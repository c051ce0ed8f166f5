"""UnleashClient from a bootstrapped cache: one strategy for each rule."""

import tempfile
from collections.abc import Callable
from typing import Any

from shapes import Clause, Shape
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache
from UnleashClient.utils import InstanceAllowType

NAME, LANGUAGE = "UnleashClient", "Python"


def _constraint(clause: Clause) -> dict[str, Any]:
    attribute, operator, value = clause
    match operator:
        case "eq":
            return {"contextName": attribute, "operator": "IN", "values": [value]}
        case "in":
            return {"contextName": attribute, "operator": "IN", "values": value}
        case "gt":
            return {"contextName": attribute, "operator": "NUM_GT", "value": str(value)}
        case _:
            return {"contextName": attribute, "operator": "SEMVER_LT", "value": value, "inverted": True}


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]]:
    strategies: list[dict[str, Any]] = [
        {"name": "default", "parameters": {}, "constraints": [_constraint(clause) for clause in rule]}
        for rule in shape.rules
    ] or [{"name": "default", "parameters": {}}]
    if shape.split is not None:
        rollout = {"rollout": str(shape.split), "stickiness": "userId", "groupId": "flag"}
        strategies = [{"name": "flexibleRollout", "parameters": rollout}]
    cache = FileCache("burgee-bench", directory=tempfile.mkdtemp())
    toggle = {"name": "flag", "type": "release", "enabled": True, "strategies": strategies, "variants": []}
    cache.bootstrap_from_dict({"version": 2, "features": [toggle]})
    client = UnleashClient(
        url="http://127.0.0.1:9", app_name="bench", cache=cache, disable_metrics=True, disable_registration=True,
        multiple_instance_mode=InstanceAllowType.SILENTLY_ALLOW,
    )  # fmt: skip
    client.initialize_client(fetch_toggles=False)
    native = [
        {
            "userId": context["targetingKey"],
            "properties": {name: str(value) for name, value in context.items()},
        }
        for context in contexts
    ]
    enabled = client.is_enabled
    return [lambda context=context: enabled("flag", context) for context in native]
