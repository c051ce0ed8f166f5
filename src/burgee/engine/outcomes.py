"""What a rule can come to: the variant names at its ends, found without evaluating it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from burgee.engine.references import escaped, reference_of
from burgee.engine.values import number_text


class Outcome(NamedTuple):
    """One end of a rule.

    `name` is a variant's name, or None for null, which means the default. Where only an evaluation can tell,
    `is_known` is false.
    """

    pointer: str
    name: str | None
    is_known: bool = True


def outcomes(rule: Any, pointer: str) -> Iterator[Outcome]:
    """Every end of a rule that an evaluation could reach as far as its structure tells."""
    if rule is None:
        yield Outcome(pointer, None)
    elif type(rule) is bool:
        yield Outcome(pointer, "true" if rule else "false")
    elif type(rule) is str:
        yield Outcome(pointer, rule)
    elif type(rule) is int or type(rule) is float:
        yield Outcome(pointer, number_text(rule))
    elif type(rule) is dict and len(rule) == 1 and reference_of(rule) is None:
        [(operator, operands)] = rule.items()
        yield from _of_operation(operator, operands, f"{pointer}/{escaped(operator)}")
    else:
        yield Outcome(pointer, "", is_known=False)


def _of_operation(operator: str, operands: Any, at: str) -> Iterator[Outcome]:
    if operator == "if" and type(operands) is list and operands:
        for place in range(1, len(operands), 2):
            yield from outcomes(operands[place], f"{at}/{place}")
        if len(operands) % 2:
            yield from outcomes(operands[-1], f"{at}/{len(operands) - 1}")
        else:
            yield Outcome(at, None)
    elif operator == "fractional" and type(operands) is list:
        for place, share in enumerate(operands):
            if type(share) is list and share and not _never(share):
                yield from outcomes(share[0], f"{at}/{place}/0")
        yield Outcome(at, None)
    elif operator in ("==", "!=", "===", "!==", "<", "<=", ">", ">=", "!", "!!", "in", "all", "some", "none"):
        yield Outcome(at, "true")
        yield Outcome(at, "false")
    elif operator in ("sem_ver", "starts_with", "ends_with"):
        yield Outcome(at, "true")
        yield Outcome(at, "false")
        yield Outcome(at, None)
    else:
        yield Outcome(at, "", is_known=False)


def _never(share: list[Any]) -> bool:
    return len(share) > 1 and type(share[1]) is int and share[1] <= 0
