"""YAML as far as JSON goes: the core schema of YAML 1.2, one document, no aliases, tags or duplicate keys.

`on`, `off`, `yes`, `no` and dates are texts here, as they are for flagd.
"""

import re
from typing import Any

import yaml

from burgee.errors import LimitExceededError, MalformedError
from burgee.formats.strict_json import escaped, loses_digits
from burgee.model.garbage import collections_held
from burgee.model.json import JsonValue
from burgee.model.limits import DEFAULT_LIMITS, Limits

_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_WORDS: dict[str, Any] = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def decode(data: bytes, *, max_bytes: int | None = None, limits: Limits = DEFAULT_LIMITS) -> JsonValue:
    """The JSON value of a YAML document.

    Raises MalformedError, LimitExceededError; both name the place.
    """
    if max_bytes is not None and len(data) > max_bytes:
        raise LimitExceededError("", "too-large", f"the document is longer than {max_bytes} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("bad-encoding", "the document is not UTF-8", at=error.start) from None
    if text.startswith("\ufeff"):
        raise MalformedError("bad-encoding", "the document must have no byte order mark", at=0)
    try:
        with collections_held():
            return _built(text, limits)
    except yaml.YAMLError as error:
        raise _malformed(error) from None
    except (ValueError, RecursionError):
        raise MalformedError("malformed-yaml", "the document cannot be read as YAML") from None


class _Open:
    """A list or object that is being filled; `key` is the place of its present item."""

    __slots__ = ("expects_key", "key", "value")

    def __init__(self, value: "list[JsonValue] | dict[str, JsonValue]") -> None:
        self.value = value
        self.key: str | int = 0
        self.expects_key = type(value) is dict


def _built(text: str, limits: Limits) -> JsonValue:
    # From the events, in one pass, without a tree of nodes in between; where something stands is only worked
    # out for a refusal, since a pointer for every item would be long work under a long key.
    root: list[JsonValue] = []
    path = [top := _Open(root)]
    documents = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        kind = type(event)
        if kind is yaml.AliasEvent or getattr(event, "anchor", None) is not None:
            raise MalformedError("yaml-alias", f"anchors and aliases are not accepted{_line(event)}")
        if getattr(event, "tag", None) not in (None, "!"):
            raise MalformedError("yaml-tag", f"tags are not accepted{_line(event)}")
        if kind is yaml.ScalarEvent:
            if top.expects_key:
                _begin(top, event.value, path)
            else:
                _put(top, _scalar(event, path))
                _end_item(top)
        elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
            if top.expects_key:
                raise MalformedError("malformed-yaml", "a key must be a text", pointer=_pointer(path[:-1]))
            if len(path) > limits.json_depth:
                words = f"the document is nested deeper than {limits.json_depth} levels{_line(event)}"
                raise LimitExceededError("", "too-deep", words)
            inner = _Open([] if kind is yaml.SequenceStartEvent else {})
            _put(top, inner.value)
            path.append(top := inner)
        elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            path.pop()
            top = path[-1]
            _end_item(top)
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise MalformedError("malformed-yaml", "only one document is accepted")
    if not root:
        raise MalformedError("empty", "the document is empty")
    return root[0]


def _begin(top: _Open, key: str, path: list[_Open]) -> None:
    top.key, top.expects_key = key, False
    if key in top.value:
        words = f"the key {key!r} stands twice in one object"
        raise MalformedError("duplicate-key", words, pointer=_pointer(path))


def _put(top: _Open, item: JsonValue) -> None:
    if isinstance(top.value, list):
        top.value.append(item)
    else:
        top.value[str(top.key)] = item


def _end_item(top: _Open) -> None:
    if isinstance(top.key, int):
        top.key += 1
    else:
        top.expects_key = True


def _pointer(path: list[_Open]) -> str:
    # The outermost is not of the document: it holds the document.
    return "".join(f"/{escaped(str(each.key))}" for each in path[1:])


def _line(event: Any) -> str:
    mark = event.start_mark
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""


def _malformed(error: yaml.YAMLError) -> MalformedError:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    words = getattr(error, "problem", None) or "the document cannot be read as YAML"
    return MalformedError("malformed-yaml", f"{words}{where}")


def _scalar(event: Any, path: list[_Open]) -> JsonValue:
    text: str = event.value
    if event.style:
        return _clean(text, path)
    if text in _WORDS:
        return _WORDS[text]  # type: ignore[no-any-return]
    if _INTEGER.fullmatch(text):
        number = int(text) if len(text) <= 400 else 0
        if len(text) > 400 or loses_digits(number):
            words = f"the integer {text[:24]} is beyond 2^53-1 and would lose digits in other clients"
            raise MalformedError("integer-too-large", words, pointer=_pointer(path))
        return number
    if _NOT_FINITE.fullmatch(text):
        raise MalformedError("not-finite", f"{text} is no JSON number", pointer=_pointer(path))
    if _FLOAT.fullmatch(text):
        real = float(text)
        if real in (float("inf"), float("-inf")):
            raise MalformedError("not-finite", f"{text[:24]} is out of range", pointer=_pointer(path))
        return real
    return _clean(text, path)


def _clean(text: str, path: list[_Open]) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedError(
            "bad-encoding", "a text holds a lone surrogate", pointer=_pointer(path)
        ) from None
    return text
