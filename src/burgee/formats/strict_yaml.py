"""YAML as far as JSON goes: the core schema of YAML 1.2, one document, no aliases, tags or duplicate keys.

`on`, `off`, `yes`, `no` and dates are texts here, as they are for flagd.
"""

import re
from typing import Any

import yaml

from burgee.errors import LimitExceededError, MalformedError
from burgee.formats.strict_json import check_depth, escaped, loses_digits
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
        _refuse_events(text, limits)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _malformed(error) from None
    except (ValueError, RecursionError):
        raise MalformedError("malformed-yaml", "the document cannot be read as YAML") from None
    if node is None:
        raise MalformedError("empty", "the document is empty")
    value = _value(node, "")
    check_depth(value, limits)
    return value


def _refuse_events(text: str, limits: Limits) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise MalformedError("yaml-alias", f"anchors and aliases are not accepted{_line(event)}")
        if getattr(event, "tag", None) not in (None, "!"):
            raise MalformedError("yaml-tag", f"tags are not accepted{_line(event)}")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > limits.json_depth:
                words = f"the document is nested deeper than {limits.json_depth} levels{_line(event)}"
                raise LimitExceededError("", "too-deep", words)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    if documents > 1:
        raise MalformedError("malformed-yaml", "only one document is accepted")


def _line(event: Any) -> str:
    mark = event.start_mark
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""


def _malformed(error: yaml.YAMLError) -> MalformedError:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    words = getattr(error, "problem", None) or "the document cannot be read as YAML"
    return MalformedError("malformed-yaml", f"{words}{where}")


def _value(node: Any, pointer: str) -> JsonValue:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, pointer)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, f"{pointer}/{place}") for place, item in enumerate(node.value)]
    members: dict[str, JsonValue] = {}
    for name, item in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise MalformedError("malformed-yaml", "a key must be a text", pointer=pointer)
        key = name.value
        at = f"{pointer}/{escaped(key)}"
        if key in members:
            raise MalformedError("duplicate-key", f"the key {key!r} stands twice in one object", pointer=at)
        members[key] = _value(item, at)
    return members


def _scalar(node: Any, pointer: str) -> JsonValue:
    text: str = node.value
    if node.style:
        return _clean(text, pointer)
    if text in _WORDS:
        return _WORDS[text]  # type: ignore[no-any-return]
    if _INTEGER.fullmatch(text):
        number = int(text) if len(text) <= 400 else 0
        if len(text) > 400 or loses_digits(number):
            words = f"the integer {text[:24]} is beyond 2^53-1 and would lose digits in other clients"
            raise MalformedError("integer-too-large", words, pointer=pointer)
        return number
    if _NOT_FINITE.fullmatch(text):
        raise MalformedError("not-finite", f"{text} is no JSON number", pointer=pointer)
    if _FLOAT.fullmatch(text):
        real = float(text)
        if real in (float("inf"), float("-inf")):
            raise MalformedError("not-finite", f"{text[:24]} is out of range", pointer=pointer)
        return real
    return _clean(text, pointer)


def _clean(text: str, pointer: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedError("bad-encoding", "a text holds a lone surrogate", pointer=pointer) from None
    return text
