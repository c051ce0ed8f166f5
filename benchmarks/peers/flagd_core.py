"""openfeature-flagd-core, the evaluator of flagd's Python provider."""

import json
from collections.abc import Callable
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from shapes import Shape, flagd_rule

NAME, LANGUAGE = "openfeature-flagd-core", "Python"


def prepare(shape: Shape, contexts: list[dict[str, Any]]) -> list[Callable[[], bool]]:
    core = FlagdCore()
    rule = flagd_rule(shape)
    flag: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}}
    flag |= {"defaultVariant": "on"} if rule is None else {"defaultVariant": "off", "targeting": rule}
    core.set_flags(json.dumps({"flags": {"flag": flag}}))
    resolve = core.resolve_boolean_value
    native = [EvaluationContext(context["targetingKey"], context) for context in contexts]
    return [lambda context=context: resolve("flag", False, context).value for context in native]
