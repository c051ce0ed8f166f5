"""The one JSON decoder of every edge: RFC 8259, and nothing that two readers could take differently.

Refused: nesting over the limit, duplicate keys, NaN and infinities, numbers out of range, integers that lose
digits as a double, lone surrogates, bad UTF-8, a byte order mark, UTF-16.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from burgee.errors import Fault, LimitExceededError, MalformedError
from burgee.model.json import JsonValue
from burgee.model.limits import DEFAULT_LIMITS, MAX_SAFE_INTEGER, Limits

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_LONG_BYTES = 4096
_PLACE = re.compile(r"\(byte (\d+)\)")

_Steps: TypeAlias = "tuple[_Steps, str | int] | None"
"""The way to a place, the last step first."""


def decode(data: bytes, *, max_bytes: int | None = None, limits: Limits = DEFAULT_LIMITS) -> JsonValue:
    """The value of a strict JSON document; 10 stays an integer and 10.0 a float.

    Raises MalformedError, LimitExceededError; both name the place.
    """
    if max_bytes is not None and len(data) > max_bytes:
        raise LimitExceededError("", "too-large", f"the document is longer than {max_bytes} bytes")
    try:
        value = _decode(data)
    except (ValueError, RecursionError) as error:
        raise _explained(data, error, limits) from None
    if len(data) < _LONG_BYTES:
        keys = _keys([value], limits.json_depth + 1, value, limits)
    else:
        keys = _keys_by_level(value, limits)
    # Each key has a colon, and a text may have more of them: as many keys as colons leave no duplicate.
    if keys != data.count(b":"):
        _refuse_duplicates(data)
    return value  # type: ignore[no-any-return]


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON of a value or a model struct."""
    return _encode(value)


def _keys(items: Any, room: int, whole: Any, limits: Limits) -> int:
    """How many keys the objects among `items` and in them have.

    Refuses what is nested `room` levels deep, and integers that would lose digits on the way.
    """
    if not room:
        check_depth(whole, limits)
    count = 0
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if kind is dict:
            count += len(item) + _keys(item.values(), room - 1, whole, limits)
        elif kind is list:
            count += _keys(item, room - 1, whole, limits)
        elif kind is int and not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
            _refuse_inexact(item)
    return count


def _keys_by_level(value: Any, limits: Limits) -> int:
    """As `_keys`, for long documents."""
    count = depth = 0
    level: list[Any] = [[value]]
    while level:
        inner: list[Any] = []
        for outer in level:
            items: Any = outer
            if type(outer) is dict:
                count += len(outer)
                items = outer.values()
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    inner.append(item)
                elif kind is int and not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
                    _refuse_inexact(item)
        depth += 1
        if depth > limits.json_depth + 1:
            check_depth(value, limits)
        level = inner
    return count


def _refuse_inexact(number: int) -> None:
    if loses_digits(number):
        words = f"the integer {str(number)[:24]} is beyond 2^53-1 and would lose digits in other clients"
        raise MalformedError("integer-too-large", words)


def loses_digits(number: int) -> bool:
    """Whether an integer is not the same number as a double; 10**20 is, 2**53 + 1 is not."""
    try:
        return int(float(number)) != number
    except OverflowError:
        return True


def check_depth(value: Any, limits: Limits) -> None:
    """Raises LimitExceededError where objects and arrays are nested deeper than `limits.json_depth`."""
    # The way to an item is a chain of its steps: a pointer for each would be long work under a long key.
    waiting: list[tuple[Any, int, _Steps]] = [(value, 1, None)]
    while waiting:
        item, depth, steps = waiting.pop()
        if depth > limits.json_depth:
            words = f"the document is nested deeper than {limits.json_depth} levels"
            raise LimitExceededError(_pointer(steps), "too-deep", words)
        pairs = item.items() if type(item) is dict else enumerate(item)
        waiting += [
            (inner, depth + 1, (steps, key))
            for key, inner in pairs
            if type(inner) is dict or type(inner) is list
        ]


def _pointer(steps: "_Steps") -> str:
    keys: list[str] = []
    while steps is not None:
        steps, key = steps
        keys.append(f"/{escaped(str(key))}")
    return "".join(reversed(keys))


def escaped(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


class _Doubled(dict[str, Any]):
    """An object that held one key twice."""

    key = ""


def _refuse_duplicates(data: bytes) -> None:
    found = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        found = True
        seen: set[str] = set()
        doubled = _Doubled(result)
        doubled.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return doubled

    tree = json.loads(data, object_pairs_hook=members)
    if found:
        steps, key = next(_doubled(tree, None))
        words = f"the key {key!r} stands twice in one object"
        raise MalformedError("duplicate-key", words, pointer=_pointer((steps, key)))


def _doubled(value: Any, steps: _Steps) -> Iterator[tuple[_Steps, str]]:
    if isinstance(value, _Doubled):
        yield steps, value.key
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from _doubled(item, (steps, key))


def _explained(data: bytes, error: Exception, limits: Limits) -> MalformedError | LimitExceededError:
    if isinstance(error, RecursionError):
        words = f"the document is nested deeper than {limits.json_depth} levels"
        return LimitExceededError("", "too-deep", words)
    if not data.strip():
        return MalformedError("empty", "the document is empty")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        return MalformedError("bad-encoding", "the document must be UTF-8 without a byte order mark", at=0)
    if isinstance(error, UnicodeDecodeError):
        return MalformedError("bad-encoding", "the document is not UTF-8", at=error.start)
    text = str(error)
    place = _PLACE.search(text)
    words = _PLACE.sub("", text).replace("JSON is malformed: ", "").strip(" :")
    return MalformedError("malformed-json", f"not strict JSON: {words}", at=int(place[1]) if place else None)


def faults_of(error: MalformedError | LimitExceededError, pointer: str) -> tuple[Fault, ...]:
    """The faults of a decoding, below `pointer` of a larger document."""
    return tuple(fault._replace(pointer=pointer + fault.pointer) for fault in error.faults)
