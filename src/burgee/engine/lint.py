"""Lint: what is allowed in a flag set and most likely a mistake."""

from collections.abc import Iterator
from typing import Any

import msgspec

from burgee.engine.check import VALUE_TYPES
from burgee.engine.outcomes import outcomes
from burgee.engine.references import escaped, expand, measure, reference_of
from burgee.errors import InvalidInputError
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.limits import DEFAULT_LIMITS
from burgee.model.snapshot import Snapshot


class LintWarning(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A warning about one flag ("" for the set itself); `pointer` leads into its definition."""

    flag_key: str
    pointer: str
    code: str
    message: str


def lint(snapshot: Snapshot, *, fractional: FractionalGeneration) -> tuple[LintWarning, ...]:
    """All warnings of a flag set: those of its flags in order, then those of the set."""
    found = [
        warning
        for flag in snapshot.flags
        for warning in lint_flag(flag, snapshot.flag_set, fractional=fractional)
    ]
    return (*found, *_unused_evaluators(snapshot))


def lint_flag(flag: Flag, flag_set: FlagSet, *, fractional: FractionalGeneration) -> tuple[LintWarning, ...]:
    """The warnings of one flag; `fractional` is the generation that buckets it."""
    return tuple(
        LintWarning(flag_key=flag.key, pointer=pointer, code=code, message=message)
        for pointer, code, message in _found(flag, flag_set, fractional)
    )


def _found(flag: Flag, flag_set: FlagSet, generation: FractionalGeneration) -> Iterator[tuple[str, str, str]]:
    kinds = {VALUE_TYPES.get(type(value), "other") for value in flag.variants.values()}
    if len(kinds) > 1:
        yield "/variants", "mixed-variant-types", f"variants are of several types: {', '.join(sorted(kinds))}"
    if measure(flag.targeting).depth > DEFAULT_LIMITS.json_depth:
        return
    try:
        rule = expand(flag.targeting or {}, flag_set.evaluators)
    except InvalidInputError as error:
        for fault in error.faults:
            yield f"/targeting{fault.pointer}", fault.code, fault.message
        return
    yield from _unreachable_variants(flag, rule)
    for pointer, operator, operands in _operations(rule, "/targeting"):
        if operator == "fractional":
            yield from _unreachable_weights(operands, pointer)
        elif operator == "if":
            yield from _constant_conditions(operands, pointer)
    divergence = _divergence(rule, flag_set, generation)
    if divergence:
        yield "/targeting", "fractional-divergence", divergence


def _unreachable_variants(flag: Flag, rule: Any) -> Iterator[tuple[str, str, str]]:
    ends = list(outcomes(rule, "/targeting"))
    if not rule or any(not end.is_known for end in ends):
        return  # without a rule the other variants wait to become the default
    reached = {end.name for end in ends}
    if None in reached:
        reached.add(flag.default_variant)
    elif flag.default_variant:
        words = f"the rule always gives a variant: the default {flag.default_variant!r} never answers"
        if flag.default_variant not in reached:
            yield "/defaultVariant", "unreachable-default", words
            reached.add(flag.default_variant)
    for name in flag.variants:
        if name not in reached:
            pointer = f"/variants/{escaped(name)}"
            yield pointer, "unreachable-variant", f"nothing in the flag leads to the variant {name!r}"


def _unreachable_weights(operands: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    for place, share in enumerate(operands if type(operands) is list else []):
        if type(share) is list and len(share) == 2 and type(share[1]) is int and share[1] <= 0:
            yield f"{pointer}/{place}/1", "unreachable-weight", "a share of this weight is never chosen"


def _constant_conditions(operands: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    if type(operands) is not list:
        return
    for place in range(0, len(operands) - 1, 2):
        if type(operands[place]) is not dict:
            words = "this condition is a constant, so one of its branches is never taken"
            yield f"{pointer}/{place}", "constant-condition", words


def _divergence(rule: Any, flag_set: FlagSet, generation: FractionalGeneration) -> str:
    uses = [operands for _, operator, operands in _operations(rule, "") if operator == "fractional"]
    if not uses or flag_set.fractional is not None:
        return ""
    return (
        f"`fractional` is bucketed as {generation.value} because the flag set pins no generation; "
        "clients that evaluate for themselves with the other one place subjects differently"
    )


def _unused_evaluators(snapshot: Snapshot) -> Iterator[LintWarning]:
    used: set[str] = set()
    waiting: list[Any] = [flag.targeting for flag in snapshot.flags]
    waiting += snapshot.flag_set.evaluators.values()
    while waiting:
        value = waiting.pop()
        name = reference_of(value)
        if name is not None:
            used.add(name)
        elif type(value) is dict:
            waiting += value.values()
        elif type(value) is list:
            waiting += value
    for name in snapshot.flag_set.evaluators:
        if name not in used:
            pointer = f"/evaluators/{escaped(name)}"
            message = f"no rule refers to the evaluator {name!r}"
            yield LintWarning(flag_key="", pointer=pointer, code="unused-evaluator", message=message)


def _operations(rule: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """Every operation in a rule: the pointer to its operands, its operator and the operands."""
    if type(rule) is list:
        for place, item in enumerate(rule):
            yield from _operations(item, f"{pointer}/{place}")
    elif type(rule) is dict and len(rule) == 1:
        [(operator, operands)] = rule.items()
        at = f"{pointer}/{escaped(operator)}"
        yield at, operator, operands
        yield from _operations(operands, at)
