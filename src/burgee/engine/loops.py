"""What a compiled rule calls for loops and rare cases. `left` holds the steps that an evaluation has left."""

from collections.abc import Callable
from typing import Any, NoReturn

from burgee.engine.operators import lookup
from burgee.engine.values import EvaluationBoundError, loose_equal

Body = Callable[[Any], Any]


class TargetingError(Exception):
    """A rule that cannot be evaluated: an operator that does not exist."""


def unknown_operator(name: Any) -> NoReturn:
    raise TargetingError(f"unknown operator {name!r}")


def _spend(items: list[Any], left: list[int]) -> None:
    left[0] -= len(items)
    if left[0] < 0:
        raise EvaluationBoundError("the evaluation takes too many steps")


def mapped(items: Any, body: Body, left: list[int]) -> list[Any]:
    if type(items) is not list:
        return []
    _spend(items, left)
    return [body(item) for item in items]


def filtered(items: Any, body: Body, left: list[int]) -> list[Any]:
    if type(items) is not list:
        return []
    _spend(items, left)
    return [item for item in items if body(item)]


def every(items: Any, body: Body, left: list[int]) -> bool:
    """`all`: false for an empty list, as JSONLogic has it."""
    if type(items) is not list or not items:
        return False
    _spend(items, left)
    return all(body(item) for item in items)


def some(items: Any, body: Body, left: list[int]) -> bool:
    if type(items) is not list:
        return False
    _spend(items, left)
    return any(body(item) for item in items)


def none(items: Any, body: Body, left: list[int]) -> bool:
    return not some(items, body, left)


def reduced(items: Any, body: Body, start: Any, left: list[int]) -> Any:
    """`reduce`: the body sees an object of `current` and `accumulator`."""
    if type(items) is not list:
        return start
    _spend(items, left)
    for item in items:
        start = body({"current": item, "accumulator": start})
    return start


LOOPS: dict[str, Callable[..., Any]] = {
    "map": mapped,
    "filter": filtered,
    "all": every,
    "some": some,
    "none": none,
    "reduce": reduced,
}


def chosen(*ways: Callable[[], Any]) -> Any:
    """The value behind the first test that holds: tests and values in turn, and what else there is."""
    for place in range(0, len(ways) - 1, 2):
        if ways[place]():
            return ways[place + 1]()
    return ways[-1]()


VISITING = frozenset({"in", "===", "!=="})
"""Operators that count by themselves what they visit; within a loop that counts as steps."""

COSTLY = frozenset(
    {
        *("cat", "merge", "missing", "missing_some", "substr", "==", "!=", "<", "<=", ">", ">="),
        *("+", "-", "*", "/", "%", "min", "max", "starts_with", "ends_with", "sem_ver"),
    }
)
"""Other operators whose work or result grows with their operands: within a loop its size counts as steps."""

_STEP_ITEMS = 64
"""How many items or characters weigh as much as one step."""

_STEPS_OF_TEXT = 128
"""What a list or an object weighs that is made a text of: its depth cannot be seen from here."""


_STEPS_OF_HASH = 256

SHORT_PATH = _STEP_ITEMS
"""A constant path of fewer characters costs nothing to speak of."""


def charged(left: list[int], function: Callable[..., Any], *values: Any) -> Any:
    """What `function` gives, for steps in proportion to what it was given and what it gives."""
    result = function(*values)
    for value in (result, *values):
        if type(value) is str or type(value) is list:
            left[0] -= len(value) // _STEP_ITEMS
        if type(result) is not list and (type(value) is list or type(value) is dict):
            left[0] -= _STEPS_OF_TEXT
    if left[0] < 0:
        raise EvaluationBoundError("the evaluation takes too many steps")
    return result


def looked_up(left: list[int], data: Any, path: Any = None, default: Any = None) -> Any:
    """`var` within a loop, by a path that is long or only known now: for steps in proportion to it."""
    if type(path) is str:
        left[0] -= len(path) // _STEP_ITEMS
    elif type(path) is list or type(path) is dict:
        left[0] -= _STEPS_OF_TEXT
    if left[0] < 0:
        raise EvaluationBoundError("the evaluation takes too many steps")
    return lookup(data, path, default)


def bucketed(left: list[int], function: Callable[..., Any], *values: Any) -> Any:
    """A `fractional` within a loop, which hashes what may be large."""
    left[0] -= _STEPS_OF_HASH
    if left[0] < 0:
        raise EvaluationBoundError("the evaluation takes too many steps")
    return function(*values)


def visiting(left: list[int], function: Callable[..., bool], *values: Any) -> bool:
    """What `function` gives, for a step for each value that it visits."""
    for value in values:
        if type(value) is str or type(value) is list:
            left[0] -= len(value) // _STEP_ITEMS
    if left[0] < 0:
        raise EvaluationBoundError("the evaluation takes too many steps")
    return function(*values, left=left)


def starts_with(text: Any = None, prefix: Any = None, *others: Any) -> bool | None:
    if others:
        return None
    return text.startswith(prefix) if type(text) is str and type(prefix) is str else None


def ends_with(text: Any = None, suffix: Any = None, *others: Any) -> bool | None:
    if others:
        return None
    return text.endswith(suffix) if type(text) is str and type(suffix) is str else None


def scan(value: Any, pairs: tuple[tuple[str, Any], ...]) -> Any:
    """The first answer whose text loosely equals a value that is no text itself, None without one."""
    if value is None:
        return None
    for text, answer in pairs:
        if loose_equal(value, text):
            return answer
    return None
