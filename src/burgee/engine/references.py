"""`$ref`: named evaluators put in the place of their references, within bounds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from burgee.errors import Fault, InvalidInputError, LimitExceededError
from burgee.model.json import JsonObject
from burgee.model.limits import DEFAULT_LIMITS, Limits

_encode = msgspec.json.Encoder().encode


def expand(rule: JsonObject, evaluators: Mapping[str, JsonObject], limits: Limits = DEFAULT_LIMITS) -> Any:
    """The rule with each `{"$ref": name}` replaced by the evaluator of that name, also inside evaluators.

    Raises InvalidInputError for a name that does not exist ("dangling-ref") and for a cycle ("ref-cycle"),
    LimitExceededError where more than `limits.expansion_nodes` values would come of it; each names the place.
    """
    return _Expansion(evaluators, limits).expanded(rule, "", ())


def reference_of(rule: Any) -> str | None:
    """The name that a `{"$ref": name}` object refers to, None for anything else."""
    if type(rule) is dict and len(rule) == 1 and type(name := rule.get("$ref")) is str:
        return name
    return None


class Measure(NamedTuple):
    """How large a rule is: JSON values in it, levels of objects and arrays, and whether it holds a `$ref`."""

    nodes: int
    depth: int
    has_reference: bool


def is_small(rule: Any, limits: Limits) -> bool:
    """Whether a glance is enough to see that a rule is within bounds and holds no `$ref`."""
    try:
        text = _encode(rule)
    except RecursionError:
        return False
    containers = text.count(b"{") + text.count(b"[")
    nodes = 1 + containers + text.count(b",")  # at most: texts may hold such signs too
    return containers <= limits.json_depth and nodes <= limits.rule_nodes and b'"$ref"' not in text


def measure(rule: Any) -> Measure:
    """The size of a rule, level by level, so that no nesting is too deep for it."""
    nodes, depth = 1, 0
    has_reference = False
    level: list[Any] = [rule] if type(rule) is dict or type(rule) is list else []
    while level:
        depth += 1
        inner: list[Any] = []
        for outer in level:
            items: Any = outer
            if type(outer) is dict:
                has_reference = has_reference or "$ref" in outer
                items = outer.values()
            nodes += len(items)
            inner += [item for item in items if type(item) is dict or type(item) is list]
        level = inner
    return Measure(nodes, depth, has_reference)


class _Expansion:
    def __init__(self, evaluators: Mapping[str, JsonObject], limits: Limits) -> None:
        self._evaluators = evaluators
        self._limits = limits
        self._nodes = 0

    def expanded(self, value: Any, pointer: str, names: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > self._limits.expansion_nodes:
            message = f"the rule has more than {self._limits.expansion_nodes} nodes, references expanded"
            raise LimitExceededError(pointer, "expansion-too-large", message)
        if len(names) > self._limits.json_depth or pointer.count("/") > 2 * self._limits.json_depth:
            raise LimitExceededError(pointer, "too-deep", "the rule is nested too deeply")
        name = reference_of(value)
        if name is not None:
            return self._referred(name, pointer, names)
        if type(value) is dict:
            return {
                key: self.expanded(item, f"{pointer}/{escaped(key)}", names) for key, item in value.items()
            }
        if type(value) is list:
            return [self.expanded(item, f"{pointer}/{place}", names) for place, item in enumerate(value)]
        return value

    def _referred(self, name: str, pointer: str, names: tuple[str, ...]) -> Any:
        if name in names:
            cycle = " -> ".join([*names[names.index(name) :], name])
            raise InvalidInputError(
                [Fault(pointer, "ref-cycle", f"the evaluators refer to each other: {cycle}")]
            )
        if name not in self._evaluators:
            raise InvalidInputError([Fault(pointer, "dangling-ref", f"there is no evaluator named {name!r}")])
        return self.expanded(self._evaluators[name], pointer, (*names, name))


def escaped(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
