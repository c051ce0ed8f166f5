"""A synchronous httpx transport that calls an ASGI application in this process, without a socket."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

Message = MutableMapping[str, Any]
AsgiApplication = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class AsgiTransport(httpx.BaseTransport):
    """Answers each request by one run of `application`; lifespan events are the caller's affair.

    One event loop serves all requests until `close`, so that what the application keeps per loop lives on.
    Answers are read whole: endless streams are not for this transport.
    """

    def __init__(self, application: AsgiApplication) -> None:
        self._application = application
        self._runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run the application on `request` and return its whole answer."""
        return self._runner.run(self._answer(request))

    def close(self) -> None:
        """End the event loop and its threads."""
        self._runner.close()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        sent = False
        ended = asyncio.Event()
        status = 500
        headers: list[tuple[bytes, bytes]] = []
        parts: list[bytes] = []

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await ended.wait()
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    ended.set()

        await self._application(_scope(request), receive, send)
        return httpx.Response(status, headers=headers, content=b"".join(parts), request=request)


def _scope(request: httpx.Request) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": (request.url.host, request.url.port or 80),
    }
