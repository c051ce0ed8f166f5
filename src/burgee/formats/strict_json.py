"""The one JSON decoder of every edge: RFC 8259, and nothing that two readers could take differently.

Refused: nesting over the limit, duplicate keys, NaN and infinities, numbers out of range, integers that lose
digits as a double, lone surrogates, bad UTF-8, a byte order mark, UTF-16.
"""

import json
import re
from typing import Any

import msgspec

from burgee.errors import Fault, LimitExceededError, MalformedError
from burgee.model.json import JsonValue
from burgee.model.limits import DEFAULT_LIMITS, MAX_SAFE_INTEGER, Limits

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_LONG_BYTES = 4096
_PLACE = re.compile(r"\(byte (\d+)\)")


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
    waiting: list[tuple[Any, int, str]] = [(value, 1, "")]
    while waiting:
        item, depth, pointer = waiting.pop()
        if type(item) is not dict and type(item) is not list:
            continue
        if depth > limits.json_depth:
            words = f"the document is nested deeper than {limits.json_depth} levels"
            raise LimitExceededError(pointer, "too-deep", words)
        pairs = item.items() if type(item) is dict else enumerate(item)
        waiting += [(inner, depth + 1, f"{pointer}/{escaped(str(key))}") for key, inner in pairs]


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
        pointer, key = next(iter(_doubled(tree, "")))
        raise MalformedError("duplicate-key", f"the key {key!r} stands twice in one object", pointer=pointer)


def _doubled(value: Any, pointer: str) -> list[tuple[str, str]]:
    places: list[tuple[str, str]] = []
    if isinstance(value, _Doubled):
        places.append((f"{pointer}/{escaped(value.key)}", value.key))
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            places += _doubled(item, f"{pointer}/{escaped(str(key))}")
    return places


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
