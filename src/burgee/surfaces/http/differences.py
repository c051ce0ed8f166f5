"""A structural diff of JSON objects by pointer: what the writer read, what it sent, what is stored now."""

from typing import Any

from burgee.model.json import JsonObject
from burgee.surfaces.http.problems import Difference

_ABSENT = object()


def differences(
    *, before: JsonObject | None, yours: JsonObject | None, current: JsonObject | None
) -> tuple[Difference, ...]:
    """Every place where the given sides differ, ordered by pointer; None is a side that is not known.

    Objects are compared member by member, everything else as a whole. Numbers differ in their written
    form too: 1 and 1.0 are two answers to an evaluation.
    """
    sides = {"before": before, "yours": yours, "current": current}
    known = {name: side for name, side in sides.items() if side is not None}
    return tuple(_walk(known, ""))


def _walk(sides: dict[str, Any], pointer: str) -> list[Difference]:
    present = {name: value for name, value in sides.items() if value is not _ABSENT}
    if len(present) == len(sides) and all(isinstance(value, dict) for value in present.values()):
        members = sorted({member for value in present.values() for member in value})
        return [
            difference
            for member in members
            for difference in _walk(
                {name: value.get(member, _ABSENT) for name, value in sides.items()},
                f"{pointer}/{member.replace('~', '~0').replace('/', '~1')}",
            )
        ]
    values = list(sides.values())
    if all(_same(values[0], other) for other in values[1:]):
        return []
    return [Difference(pointer=pointer, **present)]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
