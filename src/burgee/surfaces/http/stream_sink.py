"""The two ends a stream can have: a transport that is written to directly, or an ASGI connection."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Send

from burgee.errors import ForbiddenError, InvalidInputError, UnauthenticatedError, UnavailableError
from burgee.formats.strict_json import encode
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.audience import Scope
from burgee.surfaces.http.ofrep import STREAM_PATH, Ofrep
from burgee.surfaces.http.ofrep_answers import stopped_answer
from burgee.surfaces.http.streams import StreamHub

STREAM_FIELDS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"connection", b"close"),
)
STREAM_HEAD = b"".join([name + b": " + value + b"\r\n" for name, value in STREAM_FIELDS])
STREAM_HEAD += b"\r\n"
"""No length and no chunks: the end of the connection is the end of the stream, and all get the same bytes."""

STREAM_BUFFER_BYTES = 4096
SEND_BUFFER_BYTES = 16 * 1024
"""What the kernel may keep for a reader that is stuck."""


class TransportSink:
    """A stream written by the protocol."""

    __slots__ = ("paused", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.paused = False
        transport.set_write_buffer_limits(high=STREAM_BUFFER_BYTES, low=0)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def offer(self, data: bytes) -> bool:
        if self.paused:
            return False
        self.transport.write(data)
        return True

    def end(self, last: bytes) -> None:
        if self.paused:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(last)
            self.transport.close()


class AsgiSink:
    """A stream sent through ASGI: at most one event waits, the newest."""

    def __init__(self) -> None:
        self._waiting = b""
        self._wake = asyncio.Event()
        self._ended = False

    def offer(self, data: bytes) -> bool:
        self._waiting = data
        self._wake.set()
        return True

    def end(self, last: bytes) -> None:
        self._ended = True
        self.offer(last)

    async def run(self, first: bytes, receive: Receive, send: Send) -> None:
        """Send until the client goes away or the hub ends the stream."""
        await send({"type": "http.response.start", "status": 200, "headers": list(STREAM_FIELDS)})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        gone = asyncio.ensure_future(_gone(receive))
        gone.add_done_callback(lambda _: self._wake.set())
        try:
            while not gone.done():
                await self._wake.wait()
                self._wake.clear()
                data, self._waiting = self._waiting, b""
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": not self._ended})
                if self._ended:
                    return
        finally:
            gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def stream_request(
    ofrep: Ofrep, hub: StreamHub, url: bytes, headers: Mapping[bytes, bytes], *, address: str = ""
) -> Scope | Answer:
    """The scope of a request for a stream, or the answer that turns it away."""
    path = url.partition(b"?")[0]
    selector = unquote_to_bytes(path[len(STREAM_PATH) :].removeprefix(b"/"))
    if path[len(STREAM_PATH) : len(STREAM_PATH) + 1] not in {b"", b"/"}:
        return json_answer(404, encode({"errorDetails": "there is nothing at this address"}))
    try:
        scope = ofrep.audience.scope(headers, selector or headers.get(b"flagd-selector", b""))
    except UnavailableError:
        words = encode({"errorDetails": "the token cannot be judged now; try again"})
        return json_answer(503, words, (b"retry-after", str(hub.retry_after()).encode()))
    except InvalidInputError as error:
        return json_answer(400, encode({"errorDetails": f"invalid selector: {error}"}))
    except UnauthenticatedError as error:
        ofrep.note_refusal(error, headers)
        body = encode({"errorDetails": "a valid token is needed: Authorization: Bearer, or X-API-Key"})
        return json_answer(401, body, (b"www-authenticate", b'Bearer realm="burgee"'))
    except ForbiddenError as error:
        ofrep.note_refusal(error, headers)
        return json_answer(403, encode({"errorDetails": "the token is not for these flags"}))
    if ofrep.stopped:
        return stopped_answer()
    if hub.full(address):
        ofrep.counters.refused("streams")
        retry = str(hub.retry_after()).encode()
        return json_answer(503, encode({"errorDetails": "too many streams"}), (b"retry-after", retry))
    return scope
