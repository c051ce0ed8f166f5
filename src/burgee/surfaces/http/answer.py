"""An HTTP answer before any framework: what the inline path writes and what the ASGI path sends."""

import zlib
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

GZIP_FROM_BYTES = 1024
"""Bodies of at least this size are compressed for who accepts it (flagd's own threshold)."""

JSON_TYPE = (b"content-type", b"application/json")
NOSNIFF = (b"x-content-type-options", b"nosniff")

_NOT_MODIFIED = 304

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Answer(NamedTuple):
    """Status, headers without date and length, and the whole body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def tail(self) -> bytes:
        """Everything of the answer on the wire after the status line and the date."""
        status, headers, body = self
        fields = b"".join([b"%b: %b\r\n" % header for header in headers])
        if status == _NOT_MODIFIED:
            return fields + b"\r\n"
        return b"%bcontent-length: %d\r\n\r\n%b" % (fields, len(body), body)


def json_answer(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    """A JSON body with the headers that all of ours carry."""
    return Answer(status, (JSON_TYPE, NOSNIFF, *headers), body)


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether a client's Accept-Encoding takes gzip (RFC 9110 section 12.5.3)."""
    weights: dict[bytes, bool] = {}
    for item in accept_encoding.lower().split(b","):
        coding, _, weight = item.partition(b";")
        weights[coding.strip()] = not weight.replace(b" ", b"").rstrip(b"0").endswith((b"q=", b"q=0."))
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", False)))


def compressed(answer: Answer, accept_encoding: bytes) -> Answer:
    """The same answer, in gzip where the body is worth it and the client takes it.

    Its ETag gets the suffix `-gzip`: a strong tag names bytes, and these are other bytes.
    """
    if len(answer.body) < GZIP_FROM_BYTES:
        return answer
    headers = (*answer.headers, (b"vary", b"accept-encoding"))
    if not accepts_gzip(accept_encoding):
        return Answer(answer.status, headers, answer.body)
    headers = tuple((name, value[:-1] + b'-gzip"' if name == b"etag" else value) for name, value in headers)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = packer.compress(answer.body) + packer.flush()
    return Answer(answer.status, (*headers, (b"content-encoding", b"gzip")), body)


def matches_etag(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match names `etag` (quoted, strong), weakly and in any of its codings.

    Lists, `*`, weak tags and unquoted tags are read, as flagd does.
    """
    wanted = etag.strip(b'"')
    for item in if_none_match.split(b","):
        tag = item.strip().removeprefix(b"W/").strip(b'"').removesuffix(b"-gzip")
        if tag in (wanted, b"*"):
            return True
    return False
