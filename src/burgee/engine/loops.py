"""What a compiled rule calls for loops and rare cases. `left` holds the steps that an evaluation has left."""

from collections.abc import Callable
from typing import Any, NoReturn

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


def starts_with(text: Any = None, prefix: Any = None) -> bool | None:
    return text.startswith(prefix) if type(text) is str and type(prefix) is str else None


def ends_with(text: Any = None, suffix: Any = None) -> bool | None:
    return text.endswith(suffix) if type(text) is str and type(suffix) is str else None


def scan(value: Any, pairs: tuple[tuple[str, Any], ...]) -> Any:
    """The first answer whose text loosely equals a value that is no text itself, None without one."""
    if value is None:
        return None
    for text, answer in pairs:
        if loose_equal(value, text):
            return answer
    return None
