"""The JSONLogic operators as functions of values that are already evaluated."""

from collections.abc import Callable
from math import fmod, inf, isnan, nan
from typing import Any

from burgee.engine.values import (
    MAX_TEXT,
    MAX_VISITS,
    EvaluationBoundError,
    bounded,
    less,
    less_or_equal,
    loose_equal,
    strict_equal,
    to_number,
    to_text,
    truthy,
)


def not_equal(a: Any = None, b: Any = None, *_: Any) -> bool:
    return not loose_equal(a, b)


def strict_not_equal(a: Any = None, b: Any = None, *_: Any, left: list[int] | None = None) -> bool:
    return not strict_equal(a, b, left)


def equal(a: Any = None, b: Any = None, *_: Any) -> bool:
    return loose_equal(a, b)


def identical(a: Any = None, b: Any = None, *_: Any, left: list[int] | None = None) -> bool:
    return strict_equal(a, b, left)


def below(a: Any = None, b: Any = None, c: Any = None, *_: Any) -> bool:
    return less(a, b) and (c is None or less(b, c))


def at_most(a: Any = None, b: Any = None, c: Any = None, *_: Any) -> bool:
    return less_or_equal(a, b) and (c is None or less_or_equal(b, c))


def above(a: Any = None, b: Any = None, c: Any = None, *_: Any) -> bool:
    return less(b, a) and (c is None or less(c, b))


def at_least(a: Any = None, b: Any = None, c: Any = None, *_: Any) -> bool:
    return less_or_equal(b, a) and (c is None or less_or_equal(c, b))


def negation(value: Any = None, *_: Any) -> bool:
    return not truthy(value)


def truth(value: Any = None, *_: Any) -> bool:
    return truthy(value)


def add(*values: Any) -> int | float:
    total: int | float = 0
    for value in values:
        total = bounded(total + to_number(value))
    return total


def multiply(*values: Any) -> int | float:
    product: int | float = 1
    for value in values:
        product = bounded(product * to_number(value))
    return product


def subtract(a: Any = None, b: Any = None, *_: Any) -> int | float:
    if b is None:
        return -to_number(a)
    return bounded(to_number(a) - to_number(b))


def divide(a: Any = None, b: Any = None, *_: Any) -> int | float:
    """Division as IEEE 754 has it: by zero gives an infinity or NaN, never an error."""
    dividend, divisor = to_number(a), to_number(b)
    if divisor == 0:
        return nan if dividend == 0 or isnan(dividend) else inf if dividend > 0 else -inf
    return dividend / divisor


def modulo(a: Any = None, b: Any = None, *_: Any) -> int | float:
    """The remainder with the sign of the dividend, as in JavaScript and Go."""
    dividend, divisor = to_number(a), to_number(b)
    if type(dividend) is int and type(divisor) is int and divisor != 0:
        rest = abs(dividend) % abs(divisor)
        return -rest if dividend < 0 else rest
    try:
        return fmod(dividend, divisor)
    except ValueError:
        return nan


def smallest(*values: Any) -> int | float:
    return min((to_number(value) for value in values), default=nan)


def largest(*values: Any) -> int | float:
    return max((to_number(value) for value in values), default=nan)


def concatenate(*values: Any) -> str:
    """All values as one text; null adds nothing."""
    try:
        text = "".join(values)
    except TypeError:
        text = "".join(
            [value if type(value) is str else "" if value is None else to_text(value) for value in values]
        )
    if len(text) > MAX_TEXT:
        raise EvaluationBoundError("a text is too long")
    return text


def substring(value: Any = None, start: Any = None, length: Any = None, *_: Any) -> str:
    """Part of a text; a negative start counts from the end, a negative length leaves so many off the end."""
    text = to_text(value)
    first = _whole(to_number(start))
    first = max(len(text) + first, 0) if first < 0 else min(first, len(text))
    if length is None:
        return text[first:]
    number = to_number(length)
    if isnan(number):
        return ""
    count = _whole(number)
    end = len(text) + count if count < 0 else first + count
    return text[first : max(end, first)]


def _whole(number: int | float) -> int:
    if type(number) is int:
        return number
    if isnan(number):
        return 0
    return int(max(min(number, 1e9), -1e9))


def merge(*values: Any) -> list[Any]:
    """One list of all values; lists among them give their items."""
    merged: list[Any] = []
    for value in values:
        if type(value) is list:
            merged.extend(value)
        else:
            merged.append(value)
        if len(merged) > MAX_TEXT:
            raise EvaluationBoundError("a list is too long")
    return merged


def contains(needle: Any = None, haystack: Any = None, *_: Any, left: list[int] | None = None) -> bool:
    """`in`: a part of a text, or an item of a list by strict equality."""
    if type(haystack) is list:
        left = left or [MAX_VISITS]
        return any(strict_equal(needle, item, left) for item in haystack)
    if type(haystack) is str:
        return to_text(needle) in haystack
    return False


def lookup(data: Any, key: Any = None, default: Any = None) -> Any:
    """`var`: what stands at a dotted path; keys of objects, places of lists and texts, and their `length`.

    Only looks up what is data: there is no attribute, item method or callable that a path could reach.
    """
    if key is None or key == "":
        return data
    for part in to_text(key).split("."):
        if type(data) is dict:
            data = data.get(part)
        elif type(data) is list or type(data) is str:
            if part == "length":
                data = len(data)
                continue
            if not (part.isascii() and part.isdigit()) or len(part) > 9 or part != str(int(part)):
                return default
            place = int(part)
            if place >= len(data):
                return default
            data = data[place]
        else:
            return default
    return default if data is None else data


def missing(data: Any, *keys: Any) -> list[Any]:
    """Those of the keys (or of one list of keys) at which there is nothing, null or an empty text."""
    wanted = keys[0] if keys and type(keys[0]) is list else keys
    if len(wanted) > MAX_VISITS:
        raise EvaluationBoundError("too many keys")
    return [key for key in wanted if lookup(data, key) in (None, "")]


def missing_some(data: Any, needed: Any = 0, keys: Any = None, *_: Any) -> list[Any]:
    """Nothing where at least `needed` of the keys are there, else those that are missing."""
    if type(keys) is not list:
        return []
    absent = missing(data, keys)
    return [] if len(keys) - len(absent) >= to_number(needed) else absent


PURE: dict[str, Callable[..., Any]] = {
    "==": equal,
    "!=": not_equal,
    "===": identical,
    "!==": strict_not_equal,
    "<": below,
    "<=": at_most,
    ">": above,
    ">=": at_least,
    "!": negation,
    "!!": truth,
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "min": smallest,
    "max": largest,
    "cat": concatenate,
    "substr": substring,
    "merge": merge,
    "in": contains,
}
"""Operators that depend on nothing but their arguments."""
