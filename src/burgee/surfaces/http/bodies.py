"""Request bodies read under a ceiling that counts what streams in, chunked or not."""

from starlette.types import Message, Receive, Scope

from burgee.surfaces.http.problems import BodyTooLargeError

CEILING = "burgee.body_ceiling"
"""The key in the ASGI scope under which a route may set another ceiling than the usual one, in bytes."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete; nobody is left to answer."""


def counted(scope: Scope, receive: Receive) -> Receive:
    """`receive`, raising BodyTooLargeError once more has arrived than `scope[CEILING]` then allows."""
    size = 0

    async def receive_counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > scope[CEILING]:
            raise BodyTooLargeError(scope[CEILING])
        return message

    return receive_counted


async def read_body(receive: Receive, *, limit: int, announced: str | None = None) -> bytes:
    """The whole body from a counted `receive`; `announced` is its Content-Length header.

    Raises BodyTooLargeError before reading where more than `limit` bytes are announced, ClientGoneError.
    """
    if announced is not None and announced.isdecimal() and int(announced[:20]) > limit:
        raise BodyTooLargeError(limit)
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
