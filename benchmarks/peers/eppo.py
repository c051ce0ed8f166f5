"""eppo-server-sdk, whose evaluator is written in Rust."""

import json
from collections.abc import Callable
from typing import Any

import eppo_client
from eppo_client.assignment_logger import AssignmentLogger
from eppo_client.config import Config
from shapes import Clause, Shape

NAME, LANGUAGE = "eppo-server-sdk", "Rust"


def _condition(clause: Clause) -> dict[str, Any]:
    attribute, operator, value = clause
    match operator:
        case "eq":
            return {"attribute": attribute, "operator": "ONE_OF", "value": [value]}
        case "in":
            return {"attribute": attribute, "operator": "ONE_OF", "value": value}
        case "gt":
            return {"attribute": attribute, "operator": "GT", "value": value}
        case _:
            return {"attribute": attribute, "operator": "GTE", "value": value}


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]]:
    allocations: list[dict[str, Any]] = [
        {"key": f"rule-{place}", "rules": [{"conditions": [_condition(clause) for clause in rule]}],
         "splits": [{"variationKey": "on", "shards": []}], "doLog": False}
        for place, rule in enumerate(shape.rules)
    ]  # fmt: skip
    if shape.split is not None:
        shards = [{"salt": "flag", "ranges": [{"start": 0, "end": shape.split * 100}]}]
        allocations = [{"key": "split", "splits": [{"variationKey": "on", "shards": shards}], "doLog": False}]
    elif not shape.rules:
        allocations = [{"key": "all", "splits": [{"variationKey": "on", "shards": []}], "doLog": False}]
    flag = {
        "key": "flag", "enabled": True, "variationType": "BOOLEAN", "totalShards": 10_000, "allocations": allocations,
        "variations": {"on": {"key": "on", "value": True}, "off": {"key": "off", "value": False}},
    }  # fmt: skip
    document = {
        "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": {"name": "bench"},
        "flags": {"flag": flag},
    }  # fmt: skip
    configuration = eppo_client.Configuration(flags_configuration=json.dumps(document).encode())
    client = eppo_client.init(
        Config(
            api_key="bench", assignment_logger=AssignmentLogger(), initial_configuration=configuration,
            poll_interval_seconds=None,
        )
    )  # fmt: skip
    assign = client.get_boolean_assignment
    return [
        lambda subject=context["targetingKey"], context=context: assign("flag", subject, context, False)
        for context in contexts
    ]
