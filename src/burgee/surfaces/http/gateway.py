"""Limits of a request that a gateway has parsed already: the same as those of the server's own parser."""

from starlette.types import ASGIApp, Receive, Scope, Send

from burgee.formats.strict_json import encode
from burgee.model.limits import Limits

OF_GATEWAYS = (b"x-amz", b"x-forwarded-", b"cloudfront-", b"via")
"""Beginnings of header names that gateways add; a client is not refused for them."""


class GatewayLimits:
    """ASGI application around `app` that refuses heads and announced bodies over `limits`."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        status, words = fault
        problem = {"type": "about:blank", "status": status, "title": words, "message": words}
        headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": encode(problem)})

    def _fault(self, scope: Scope) -> tuple[int, str] | None:
        limits, query = self._limits, scope["query_string"]
        if len(scope["raw_path"]) + len(query) + bool(query) > limits.url_bytes:
            return 414, "the address is too long"
        fields = [(name, value) for name, value in scope["headers"] if not name.startswith(OF_GATEWAYS)]
        size = sum(len(name) + len(value) + 4 for name, value in fields)
        if len(fields) > limits.header_fields or size > limits.header_bytes:
            return 431, "there are too many header fields, or they are too long"
        if [name for name, _ in fields].count(b"host") > 1:
            return 400, "the request names more than one host"
        return None
