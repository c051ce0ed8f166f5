"""How JSONLogic sees JSON values: truth, numbers, texts, equality and order.

The rules are JavaScript's, as JSONLogic takes them over, with the choices of flagd where the two differ
(flagd.md section 2): an empty object is false, and null equals nothing but null.
"""

from math import inf, isnan, nan
from typing import Any

from burgee.model.limits import DEFAULT_LIMITS

MAX_TEXT = DEFAULT_LIMITS.output_bytes
"""Longest text that an evaluation may build, in characters."""

MAX_VISITS = DEFAULT_LIMITS.evaluation_steps
"""How many nested values one coercion or comparison may visit: lists built in a loop can share their parts,
and then look exponentially larger than they are."""

_EXACT = 2**63


class EvaluationBoundError(Exception):
    """An evaluation that would take too many steps or build too large a value."""


def truthy(value: Any) -> bool:
    """False, null, 0, NaN, "", [] and {} are false; all else is true."""
    return bool(value) and value == value


def to_number(value: Any) -> int | float:
    """The number that a value stands for, NaN where it stands for none. Whole numbers stay whole."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if value is None:
        return 0
    if kind is bool:
        return int(value)
    if kind is str:
        return _parsed(value)
    for _ in range(MAX_VISITS):  # a list of one stands for what is in it
        if type(value) is not list:
            return to_number(value) if type(value) is not dict else nan
        if not value:
            return 0
        if len(value) > 1:
            return nan
        value = value[0]
    raise EvaluationBoundError("a list is nested too deeply")


def _parsed(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return nan
    # Python also reads "1_000", "infinity" and digits of other scripts; JSONLogic reads none of them.
    if not text.isascii() or "_" in text or "n" in text or "N" in text:
        return nan
    return number


def bounded(number: int | float) -> int | float:
    """A whole number that has outgrown 64 bits becomes a float, as every number is in JavaScript and Go."""
    if type(number) is int and not -_EXACT < number < _EXACT:
        try:
            return float(number)
        except OverflowError:
            return inf if number > 0 else -inf
    return number


def number_text(number: int | float) -> str:
    """The shortest decimal text of a number: 10 and 10.0 are both "10"."""
    if isinstance(number, int):
        return str(number)
    if isnan(number):
        return "NaN"
    if number in {inf, -inf}:
        return "Infinity" if number > 0 else "-Infinity"
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    return repr(number)


def to_text(value: Any) -> str:
    """The text that a value stands for, as JavaScript's String() gives it.

    Raises EvaluationBoundError where that text would be too long.
    """
    if type(value) is str:
        return value
    parts: list[str] = []
    _append_text(value, parts, [MAX_VISITS, MAX_TEXT])
    return "".join(parts)


def _append_text(value: Any, parts: list[str], left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        raise EvaluationBoundError("a value is too large to become a text")
    kind = type(value)
    if kind is list:
        for place, item in enumerate(value):
            if place:
                parts.append(",")
            if item is not None:
                _append_text(item, parts, left)
        return
    text = _scalar_text(value)
    left[1] -= len(text)
    if left[1] < 0:
        raise EvaluationBoundError("a text is too long")
    parts.append(text)


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is dict:
        return "[object Object]"
    return number_text(value)


def loose_equal(a: Any, b: Any) -> bool:
    """`==` of JSONLogic: numbers and texts meet as numbers; lists and objects equal only themselves."""
    if a is None or b is None:
        return a is b
    first, second = type(a), type(b)
    if first is second:
        return a is b if first is list or first is dict else bool(a == b)
    if first in _NUMERIC or second in _NUMERIC:
        return bool(to_number(a) == to_number(b))
    if first is str:
        return bool(a == to_text(b))
    if second is str:
        return bool(to_text(a) == b)
    return False


_NUMERIC = frozenset({int, float, bool})


def strict_equal(a: Any, b: Any, left: list[int] | None = None) -> bool:
    """`===`: the same JSON type and the same content; 1 and 1.0 are one number, true is none.

    `left` holds how many values may still be visited, where several comparisons share that bound.
    """
    if type(a) is bool or type(b) is bool:
        return a is b
    if type(a) is list or type(a) is dict:
        return _same(a, b, [MAX_VISITS] if left is None else left)
    return bool(a == b)


def _same(a: Any, b: Any, left: list[int]) -> bool:
    left[0] -= 1
    if left[0] < 0:
        raise EvaluationBoundError("two values are too large to be compared")
    if type(a) is list:
        return (
            type(b) is list
            and len(a) == len(b)
            and all(_same(one, other, left) for one, other in zip(a, b, strict=True))
        )
    if type(a) is dict:
        return (
            type(b) is dict
            and a.keys() == b.keys()
            and all(_same(item, b[key], left) for key, item in a.items())
        )
    if type(a) is bool or type(b) is bool:
        return a is b
    return bool(a == b)


def less(a: Any, b: Any) -> bool:
    """`<`: two texts by code point, a number with anything as numbers."""
    a, b = _comparable(a, b)
    return bool(a < b)


def less_or_equal(a: Any, b: Any) -> bool:
    """`<=`, as `less`."""
    a, b = _comparable(a, b)
    return bool(a <= b)


def _comparable(a: Any, b: Any) -> tuple[Any, Any]:
    first, second = type(a), type(b)
    if first is str and second is str:
        return a, b
    if first in _NUMERIC or second in _NUMERIC:
        return to_number(a), to_number(b)
    if first is str or second is str:
        return to_text(a), to_text(b)
    return to_number(a), to_number(b)
