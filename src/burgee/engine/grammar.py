"""The grammar of targeting rules: which operators there are and what each takes.

The rules are those of flagd's targeting schema (https://flagd.dev/schema/v0/targeting.json), applied also
inside arrays, where the schema does not look.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from burgee.engine.references import escaped, reference_of
from burgee.engine.semver import version_of
from burgee.errors import Fault
from burgee.model.limits import MAX_WEIGHT_SUM

COUNTS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("==", "!=", "===", "!==", ">", ">=", "%", "/", "in"), (2, 2)),
    **dict.fromkeys(("map", "filter", "all", "some", "none", "starts_with", "ends_with"), (2, 2)),
    **dict.fromkeys(("substr", "<", "<="), (2, 3)),
    **dict.fromkeys(("if", "or", "and", "+", "-", "max", "min", "merge", "cat", "fractional"), (1, None)),
    "*": (2, None),
    "reduce": (3, 3),
    "sem_ver": (3, 3),
    "missing_some": (2, 2),
}
"""Fewest and most operands of the operators that take a list; None is any number."""

UNARY = frozenset({"!", "!!"})
OPERATORS = frozenset({*COUNTS, *UNARY, "var", "missing"})
_STEPS = {operator: f"/{escaped(operator)}" for operator in OPERATORS}
OWN_PROPERTIES = frozenset({"$flagd.flagKey", "$flagd.timestamp"})
SEM_VER_SIGNS = frozenset({"=", "!=", "<", "<=", ">", ">=", "~", "^"})


def rule_faults(rule: Any, pointer: str, report: Callable[[Fault], None]) -> None:
    """Report every fault of `rule`, whose nesting and references have been checked before."""
    if type(rule) is list:
        for place, item in enumerate(rule):
            if type(item) is dict or type(item) is list:
                rule_faults(item, f"{pointer}/{place}", report)
        return
    if type(rule) is not dict:
        return
    if len(rule) != 1:
        words = f"an operation has one operator, this has {len(rule)}"
        report(Fault(pointer, "not-an-operation", words))
        return
    [(operator, operands)] = rule.items()
    step = _STEPS.get(operator)
    if step is None:
        if reference_of(rule) is not None:
            return
        at = f"{pointer}/{escaped(operator)}"
        near = get_close_matches(operator, OPERATORS, n=1) if len(operator) < 64 else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        report(Fault(at, "unknown-operator", f"there is no operator {operator[:64]!r}{hint}"))
        return
    _OPERATOR_CHECKS.get(operator, _counted)(operator, operands, pointer + step, report)


def _counted(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if _has_count(operator, operands, at, report):
        rule_faults(operands, at, report)


def _has_count(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> bool:
    fewest, most = COUNTS[operator]
    if type(operands) is not list:
        report(Fault(at, "wrong-operands", f"`{operator}` takes a list of operands"))
        return False
    if len(operands) < fewest or (most is not None and len(operands) > most):
        wanted = (
            f"{fewest}" if most == fewest else f"{fewest} or more" if most is None else f"{fewest} to {most}"
        )
        report(Fault(at, "wrong-operands", f"`{operator}` takes {wanted} operands, not {len(operands)}"))
        return False
    return True


def _unary(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if type(operands) is list and len(operands) != 1:
        report(Fault(at, "wrong-operands", f"`{operator}` takes 1 operand, not {len(operands)}"))
        return
    rule_faults(operands, at, report)


def _var(_operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    path, where = operands, at
    if type(operands) is list:
        if not operands or type(operands[0]) is not str:
            report(Fault(at, "wrong-operands", "a `var` list begins with a path"))
            return
        for place, item in enumerate(operands[1:], start=1):
            if type(item) in (list, dict):
                words = "a default of `var` is a text, a number, a boolean or null"
                report(Fault(f"{at}/{place}", "wrong-operands", words))
        path, where = operands[0], f"{at}/0"
    if type(path) is not str:
        rule_faults(path, where, report)
    elif path.startswith("$flagd.") and path not in OWN_PROPERTIES:
        words = "flagd gives a rule only $flagd.flagKey and $flagd.timestamp"
        report(Fault(where, "unknown-property", words))


def _missing(_operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if type(operands) is not list or not all(type(item) is str for item in operands):
        report(Fault(at, "wrong-operands", "`missing` takes a list of paths"))


def _missing_some(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if not _has_count(operator, operands, at, report):
        return
    if type(operands[0]) not in (int, float):
        report(Fault(f"{at}/0", "wrong-operands", "`missing_some` begins with how many are needed"))
    _missing(operator, operands[1], f"{at}/1", report)


def _texts(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if not _has_count(operator, operands, at, report):
        return
    for place, item in enumerate(operands):
        if type(item) is not str and type(item) is not dict:
            report(Fault(f"{at}/{place}", "wrong-operands", f"`{operator}` compares texts"))
        rule_faults(item, f"{at}/{place}", report)


def _sem_ver(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if not _has_count(operator, operands, at, report):
        return
    for place in (0, 2):
        item, where = operands[place], f"{at}/{place}"
        if type(item) is dict:
            rule_faults(item, where, report)
        elif type(item) is not str or version_of(item) is None:
            report(Fault(where, "invalid-version", "this is no semantic version such as 1.2.3"))
    if type(operands[1]) is not str or operands[1] not in SEM_VER_SIGNS:
        words = "`sem_ver` compares with one of " + " ".join(sorted(SEM_VER_SIGNS))
        report(Fault(f"{at}/1", "invalid-comparison", words))


def _fractional(operator: str, operands: Any, at: str, report: Callable[[Fault], None]) -> None:
    if not _has_count(operator, operands, at, report):
        return
    first = 0
    if type(operands[0]) is dict:
        rule_faults(operands[0], f"{at}/0", report)
        first = 1
    total = 0
    for place, share in enumerate(operands[first:], start=first):
        total += _share(share, f"{at}/{place}", report)
    if total > MAX_WEIGHT_SUM:
        report(Fault(at, "weights-too-large", f"the weights add up to more than {MAX_WEIGHT_SUM}"))


def _share(share: Any, at: str, report: Callable[[Fault], None]) -> int:
    """Report the faults of one share; returns its weight where that is a number."""
    if type(share) is not list or not 1 <= len(share) <= 2:
        report(Fault(at, "invalid-share", "a share is a list of a variant and, if need be, its weight"))
        return 0
    rule_faults(share[0], f"{at}/0", report)
    if len(share) == 1:
        return 1
    weight = share[1]
    if type(weight) is dict:
        rule_faults(weight, f"{at}/1", report)
        return 0
    whole = type(weight) is int or (type(weight) is float and weight.is_integer())
    if not whole or weight < 0:
        report(Fault(f"{at}/1", "invalid-weight", "a weight is a whole number of at least 0, or a rule"))
        return 0
    return int(weight)


_OPERATOR_CHECKS: dict[str, Callable[[str, Any, str, Callable[[Fault], None]], None]] = {
    "var": _var,
    "!": _unary,
    "!!": _unary,
    "missing": _missing,
    "missing_some": _missing_some,
    "starts_with": _texts,
    "ends_with": _texts,
    "sem_ver": _sem_ver,
    "fractional": _fractional,
}
