"""Streamed bodies: counted as they come, refused at the first byte too many."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message

from burgee.surfaces.http.bodies import CEILING, ClientGoneError, counted, read_body
from burgee.surfaces.http.problems import BodyTooLargeError


def read(
    parts: Sequence[bytes], *, limit: int, announced: str | None = None, gone: bool = False
) -> tuple[bytes, int]:
    """The body made of `parts`, and how many of them were taken."""
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        if taken > len(parts):
            return {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""}
        return {"type": "http.request", "body": parts[taken - 1], "more_body": True}

    body = asyncio.run(read_body(counted({CEILING: limit}, receive), limit=limit, announced=announced))
    return body, taken


@pytest.mark.parametrize("parts", [[b"12345"], [b"12", b"345"], [b"", b"12345", b""], [b"1"] * 5])
def test_a_body_of_exactly_the_limit_is_read(parts: list[bytes]) -> None:
    assert read(parts, limit=5)[0] == b"".join(parts)


@pytest.mark.parametrize("parts", [[b"123456"], [b"123", b"456"], [b"12345", b"6"]])
def test_one_byte_more_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(BodyTooLargeError):
        read(parts, limit=5)


@pytest.mark.parametrize(
    ("announced", "refused"), [("5", False), ("6", True), ("9" * 30, True), ("x", False)]
)
def test_what_is_announced_counts_before_anything_is_read(announced: str, refused: bool) -> None:
    if refused:
        with pytest.raises(BodyTooLargeError):
            read([b"1"], limit=5, announced=announced)
    else:
        assert read([b"1"], limit=5, announced=announced)[0] == b"1"


def test_a_client_that_leaves_is_not_answered() -> None:
    with pytest.raises(ClientGoneError):
        read([b"12"], limit=5, gone=True)
