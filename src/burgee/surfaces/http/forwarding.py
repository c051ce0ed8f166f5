"""Writes go to one process: the other workers forward them to the writer over its socket file."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpcore
from starlette.types import ASGIApp, Receive, Scope, Send

from burgee.formats.strict_json import encode

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
EVALUATION_PREFIX = "/ofrep/"
PATIENCE_SECONDS = 3.0
"""How long a write waits for a writer that is being replaced."""
TIMEOUT = {"connect": 1.0, "read": 60.0, "write": 60.0, "pool": 60.0}
AWAY = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"date",
    }
)
CLAIMS = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})
"""What a client says about itself is not passed on: the writer believes its workers."""


def reachable(socket_file: Path) -> str:
    """A path to `socket_file` that fits into a socket address (108 bytes), whatever the folder is called."""
    descriptor = os.open(socket_file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    short = Path(f"/proc/self/fd/{descriptor}")
    if short.exists():
        return str(short / socket_file.name)
    os.close(descriptor)
    return str(socket_file)


class Forwarding:
    """ASGI application around `app`: unsafe requests outside evaluation are streamed to the writer.

    A request goes on byte by byte as it came: with a client such as httpx, which keeps cookies, normalises
    paths and adds headers, one caller would be answered as another.
    """

    def __init__(self, app: ASGIApp, writer: Path) -> None:
        self._app = app
        # A connection kept open could end under a write when the writer is replaced.
        self._pool = httpcore.AsyncConnectionPool(
            uds=reachable(writer), max_connections=None, max_keepalive_connections=0
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in SAFE_METHODS
            or scope["path"].startswith(EVALUATION_PREFIX)
        ):
            await self._app(scope, receive, send)
            return
        request = httpcore.Request(
            scope["method"].encode(),
            _url(scope),
            headers=_headers(scope),
            content=_body(receive),
            extensions={"timeout": TIMEOUT},
        )
        try:
            response = await self._send(request)
        except httpcore.LocalProtocolError as error:
            await _problem(send, 400, "the request cannot be passed on", str(error))
            return
        except AWAY:
            await _problem(send, 503, "the writer is away", "Try again soon.", (b"retry-after", b"1"))
            return
        try:
            await _relay(response, send)
        finally:
            await response.aclose()

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        """Send; a connection that is refused is tried again, since then nothing was applied."""
        give_up = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                return await self._pool.handle_async_request(request)
            except httpcore.ConnectError:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                await asyncio.sleep(0.05)


def _url(scope: Scope) -> httpcore.URL:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return httpcore.URL(scheme=b"http", host=b"writer", port=80, target=target)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    headers = [
        (name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP and name not in CLAIMS
    ]
    names = {name for name, _ in headers}
    if b"host" not in names:
        headers.append((b"host", b"writer"))
    if b"content-length" not in names:
        headers.append((b"transfer-encoding", b"chunked"))
    client = scope["client"][0] if scope.get("client") else "127.0.0.1"
    return [*headers, (b"x-forwarded-for", client.encode()), (b"x-forwarded-proto", scope["scheme"].encode())]


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpcore.ReadError("the client went away")
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return


async def _relay(response: httpcore.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers if name.lower() not in HOP_BY_HOP]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    with contextlib.suppress(*AWAY):
        async for chunk in response.aiter_stream():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _problem(send: Send, status: int, title: str, detail: str, *extra: tuple[bytes, bytes]) -> None:
    problem = {"type": "about:blank", "status": status, "title": title, "detail": detail, "message": title}
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encode(problem)})
