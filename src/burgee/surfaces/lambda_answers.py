"""Answers in the form that each sender of an event takes, and no longer than Lambda lets through."""

import json
from base64 import b64encode
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, TypeAlias

from burgee.surfaces.lambda_events import EventKind

_Texts: TypeAlias = list[tuple[str, str]]

LARGEST_BYTES = 6_000_000
"""What an answer may have in all as JSON, quotes escaped: 6 MB (6,291,556 bytes), with room for the frame."""

LARGEST_BALANCED_BYTES = 1_000_000
"""Through a load balancer it is 1 MB."""

_LONGEST_ESCAPE = 6
_TEXT = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg")
_DROPPED = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_STATUSES = {status.value: status.phrase for status in HTTPStatus}


class AnswerTooLongError(Exception):
    """An answer that Lambda would replace by an error of its own."""


def write_answer(
    kind: EventKind,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    *,
    prefix: str = "",
) -> dict[str, Any]:
    """The answer as the sender of an event of `kind` reads it; what is no text goes as base64.

    An address on this server, in a Location, gets `prefix`. Raises AnswerTooLongError.
    """
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in headers
        if name.lower() not in _DROPPED
    ]
    if prefix:
        pairs = [(name, prefix + value if _is_local(name, value) else value) for name, value in pairs]
    limit = LARGEST_BYTES if kind in (EventKind.REST, EventKind.HTTP) else LARGEST_BALANCED_BYTES
    room = limit - sum(len(name) + len(value) + 8 for name, value in pairs)
    text, is_base64 = _content(pairs, body, room, can_be_base64=kind is not EventKind.REST)
    answer: dict[str, Any] = {"statusCode": status, "body": text, "isBase64Encoded": is_base64}
    match kind:
        case EventKind.HTTP:
            answer["headers"] = _joined(pair for pair in pairs if pair[0] != "set-cookie")
            if cookies := [value for name, value in pairs if name == "set-cookie"]:
                answer["cookies"] = cookies
        case EventKind.ALB:
            answer["headers"] = _cased(pairs)
        case _:
            several: dict[str, list[str]] = {}
            for name, value in pairs:
                several.setdefault(name, []).append(value)
            answer["multiValueHeaders"] = several
    if kind in (EventKind.ALB, EventKind.ALB_MULTI):
        answer["statusDescription"] = f"{status} {_STATUSES.get(status, 'Status')}"
    return answer


def _content(pairs: _Texts, body: bytes, room: int, *, can_be_base64: bool) -> tuple[str, bool]:
    known = dict(pairs)
    if not known.get("content-encoding") and known.get("content-type", "text/").startswith(_TEXT):
        try:
            text = body.decode()
        except UnicodeDecodeError:
            pass
        else:
            if len(body) * _LONGEST_ESCAPE <= room or len(json.dumps(text)) <= room:
                return text, False
            # Of text that is mostly escaped base64 is the shorter form, but a REST API would not decode it.
            if not can_be_base64:
                raise AnswerTooLongError(f"{len(body)} bytes of text")
    if len(body) * 4 > room * 3:
        raise AnswerTooLongError(f"{len(body)} bytes")
    return b64encode(body).decode("ascii"), True


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _cased(pairs: _Texts) -> dict[str, str]:
    """One value a name, with cookies under names that differ in case: all that this form can carry."""
    single = _joined(pair for pair in pairs if pair[0] != "set-cookie")
    for place, value in enumerate(value for name, value in pairs if name == "set-cookie"):
        letters = "set-cookie"
        cased = "".join(letter.upper() if place >> bit & 1 else letter for bit, letter in enumerate(letters))
        single[cased] = value
    return single


def _is_local(name: str, value: str) -> bool:
    return name == "location" and value.startswith("/") and not value.startswith("//")
