"""How long an answer may be, and what becomes of one that is longer."""

import base64
import json

import pytest

from burgee.surfaces.lambda_answers import (
    LARGEST_BALANCED_BYTES,
    LARGEST_BYTES,
    AnswerTooLongError,
    write_answer,
)
from burgee.surfaces.lambda_events import EventKind

JSON_TYPE = (b"content-type", b"application/json")
BYTES_TYPE = (b"content-type", b"application/octet-stream")
FRAME = len("content-type") + len("application/json") + 8


@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("letter", ["a", '"', "ä", "\u0001", "😀"])
def test_what_is_written_is_never_longer_than_lambda_lets_through(kind: EventKind, letter: str) -> None:
    limit = LARGEST_BYTES if kind in (EventKind.REST, EventKind.HTTP) else LARGEST_BALANCED_BYTES
    for size in (limit // 12, limit // 3, limit // 2, limit, limit * 2):
        body = (letter * (size // len(letter.encode()))).encode()
        try:
            answer = write_answer(kind, 200, [JSON_TYPE], body)
        except AnswerTooLongError:
            assert len(json.dumps(body.decode())) > limit - FRAME
            continue
        assert len(json.dumps(answer)) <= limit + 200
        content = answer["body"]
        assert (base64.b64decode(content) if answer["isBase64Encoded"] else content.encode()) == body


@pytest.mark.parametrize(("more", "is_short"), [(-1, True), (0, True), (1, False)])
def test_the_limit_is_that_of_the_escaped_text(more: int, is_short: bool) -> None:
    room = LARGEST_BYTES - FRAME - 2  # its quotes
    body = b'"' * 1_000 + b"a" * (room - 2_000 + more)
    if is_short:
        assert write_answer(EventKind.REST, 200, [JSON_TYPE], body)["body"] == body.decode()
    else:
        with pytest.raises(AnswerTooLongError):
            write_answer(EventKind.REST, 200, [JSON_TYPE], body)


def test_text_of_quotes_goes_as_base64_where_that_is_decoded() -> None:
    body = b'"' * (LARGEST_BYTES // 2 + 10)
    answer = write_answer(EventKind.HTTP, 200, [JSON_TYPE], body)
    assert answer["isBase64Encoded"]
    with pytest.raises(AnswerTooLongError):
        write_answer(EventKind.REST, 200, [JSON_TYPE], body)


def test_bytes_are_a_third_longer_in_base64() -> None:
    room = LARGEST_BYTES - len("content-type") - len("application/octet-stream") - 8
    assert write_answer(EventKind.HTTP, 200, [BYTES_TYPE], b"x" * (room * 3 // 4))["isBase64Encoded"]
    with pytest.raises(AnswerTooLongError):
        write_answer(EventKind.HTTP, 200, [BYTES_TYPE], b"x" * (room * 3 // 4 + 1))


def test_a_status_without_words_has_some_for_a_load_balancer() -> None:
    assert write_answer(EventKind.ALB, 299, [], b"")["statusDescription"] == "299 Status"
    assert write_answer(EventKind.ALB, 414, [], b"")["statusDescription"].startswith("414 ")
