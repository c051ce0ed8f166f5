"""Heads of requests: what is refused in one, and what becomes of an offer to upgrade."""

import httptools

from burgee.model.limits import Limits

OFFERS = frozenset({b"upgrade", b"http2-settings"})
LONGEST_LENGTH = 20
"""Digits that a Content-Length may have."""

Headers = list[tuple[bytes, bytes]]
Fault = tuple[int, str, str]
"""Status, the cap that it counts for, and words for the client."""


def head_fault(headers: Headers, known: dict[bytes, bytes], received: int, limits: Limits) -> Fault | None:
    """What is wrong with the fields of a head of which `received` bytes came; `known` is the last of each."""
    if len(headers) > limits.header_fields or (
        received > limits.header_bytes
        and sum([len(name) + len(value) + 4 for name, value in headers]) > limits.header_bytes
    ):
        return 431, "headers", "there are too many header fields, or they are too long"
    if len(known) < len(headers) and [name for name, _ in headers].count(b"host") > 1:
        return 400, "malformed", "the request names more than one host"
    if len(known.get(b"content-length", b"")) > LONGEST_LENGTH:
        return 400, "malformed", "the length of the body has too many digits"
    return None


def is_path(url: bytes) -> bool:
    """Whether an application can be given this request target: ASCII, and with a path in it."""
    try:
        return url.isascii() and httptools.parse_url(url).path is not None
    except httptools.HttpParserInvalidURLError:
        return False


def without_offers(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The same head without an offer to upgrade, which a server is free to ignore (RFC 9110 section 7.8)."""
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            lines.append(
                b"connection: " + b", ".join([each for each in options if each.lower() not in OFFERS])
            )
        elif name not in OFFERS:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])
