"""Writes go to one process: the other workers forward them to the writer over its socket file."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from burgee.formats.strict_json import encode

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
EVALUATION_PREFIX = "/ofrep/"
PATIENCE_SECONDS = 3.0
"""How long a write waits for a writer that is being replaced."""
ANSWER_SECONDS = 60.0
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
    """ASGI application around `app`: unsafe requests outside evaluation are streamed to the writer."""

    def __init__(self, app: ASGIApp, writer: Path) -> None:
        self._app = app
        transport = httpx.AsyncHTTPTransport(
            uds=reachable(writer),
            # A connection kept open could end under a write when the writer is replaced.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        self._client = httpx.AsyncClient(
            transport=transport, timeout=httpx.Timeout(ANSWER_SECONDS, connect=1.0), trust_env=False
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in SAFE_METHODS
            or scope["path"].startswith(EVALUATION_PREFIX)
        ):
            await self._app(scope, receive, send)
            return
        request = self._client.build_request(
            scope["method"], _url(scope), headers=_headers(scope), content=_body(receive)
        )
        try:
            response = await self._send(request)
        except (httpx.TransportError, httpx.InvalidURL):
            await _unavailable(send)
            return
        try:
            await _relay(response, send)
        finally:
            await response.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send; a connection that is refused is tried again, since then nothing was applied."""
        give_up = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                return await self._client.send(request, stream=True)
            except httpx.ConnectError:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                await asyncio.sleep(0.05)


def _url(scope: Scope) -> httpx.URL:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return httpx.URL("http://writer/").copy_with(raw_path=target)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    headers = [
        (name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP and name not in CLAIMS
    ]
    client = scope["client"][0] if scope.get("client") else "127.0.0.1"
    return [*headers, (b"x-forwarded-for", client.encode()), (b"x-forwarded-proto", scope["scheme"].encode())]


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx.ReadError("the client went away")
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return


async def _relay(response: httpx.Response, send: Send) -> None:
    headers = [
        (name.lower(), value) for name, value in response.headers.raw if name.lower() not in HOP_BY_HOP
    ]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    with contextlib.suppress(httpx.TransportError):
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _unavailable(send: Send) -> None:
    problem = {
        "type": "about:blank",
        "status": 503,
        "title": "the writer is away",
        "detail": "Try again soon.",
    }
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"retry-after", b"1"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": encode(problem)})
