"""launchdarkly-server-sdk, offline from a file."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ldclient
from ldclient import Config, Context
from ldclient.client import LDClient
from ldclient.integrations import Files
from shapes import Clause, Shape

NAME, LANGUAGE = "launchdarkly-server-sdk", "Python"
assert ldclient


def _clause(clause: Clause) -> dict[str, Any]:
    attribute, operator, value = clause
    made = {"attribute": attribute, "contextKind": "user", "negate": False}
    match operator:
        case "eq":
            return made | {"op": "in", "values": [value]}
        case "in":
            return made | {"op": "in", "values": value}
        case "gt":
            return made | {"op": "greaterThan", "values": [value]}
        case _:
            return made | {"op": "semVerLessThan", "values": [value], "negate": True}


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]]:
    rules = [
        {"id": str(place), "variation": 0, "clauses": [_clause(clause) for clause in rule]}
        for place, rule in enumerate(shape.rules)
    ]
    fallthrough: dict[str, Any] = {"variation": 0 if not shape.rules else 1}
    if shape.split is not None:
        shares = [
            {"variation": 0, "weight": shape.split * 1000},
            {"variation": 1, "weight": 100_000 - shape.split * 1000},
        ]
        fallthrough = {"rollout": {"contextKind": "user", "variations": shares}}
    flag = {
        "key": "flag", "version": 1, "on": True, "salt": "salt", "variations": [True, False], "offVariation": 1,
        "rules": rules, "fallthrough": fallthrough, "targets": [], "prerequisites": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flags.json"
        path.write_text(json.dumps({"flags": {"flag": flag}}))
        source = Files.new_data_source(paths=[str(path)])
        client = LDClient(
            Config("sdk-key", update_processor_class=source, send_events=False, diagnostic_opt_out=True), 5
        )
    native = []
    for context in contexts:
        builder = Context.builder(context["targetingKey"])
        for name, value in context.items():
            if name != "targetingKey":
                builder.set(name, value)
        native.append(builder.build())
    detail = client.variation_detail
    return [lambda context=context: detail("flag", context, False).value for context in native]
