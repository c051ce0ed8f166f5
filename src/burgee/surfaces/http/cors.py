"""CORS: which pages of other sites may call from a browser, with the cookies that it holds for us.

The headers stand on every answer for an allowed origin, refusals included: without them a page sees no more
than that something failed. They are made once an origin and kept: as bytes for the inline protocol, as pairs
for ASGI.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from burgee.surfaces.http.origins import Allowed, read_origins

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    "Authorization, Content-Type, Cache-Control, Cookie, If-Match, If-None-Match, Idempotency-Key, "
    "Flagd-Selector, X-API-Key, X-Request-Id, Last-Event-ID"
)
EXPOSED_HEADERS = (
    "Set-Cookie, ETag, Location, Retry-After, X-Request-Id, Idempotency-Replayed, WWW-Authenticate, Allow, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, RateLimit"
)
MAX_AGE_SECONDS = 600
"""How long a browser may remember a preflight: so long a change of the setting can go unnoticed."""

KNOWN_ORIGINS = 1024
OURS = b"access-control-"
ORIGIN_LINE = re.compile(rb"\r\norigin:[ \t]*([!-~]+)[ \t]*(?=\r\n)", re.IGNORECASE)

Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Header pairs as ASGI has them: names in lower case."""

VARY: Pairs = ((b"vary", b"origin"),)
SHARED: Pairs = (
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", EXPOSED_HEADERS.encode()),
)
PREFLIGHT: Pairs = (
    (b"access-control-allow-methods", METHODS.encode()),
    (b"access-control-allow-headers", ALLOWED_HEADERS.encode()),
    (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
    (b"content-length", b"0"),
)


class Cors:
    """The origins that are allowed and the headers that say so; without origins it changes nothing."""

    def __init__(self, allowed: Allowed = Allowed()) -> None:  # noqa: B008 - a value without state
        self._allowed = allowed
        self._known: dict[str, tuple[Pairs, bytes]] = {}
        self.is_on = bool(allowed.exact or allowed.patterns)
        self.warnings = allowed.warnings
        self.always = b"vary: origin\r\n" if self.is_on else b""
        """What stands in the head of every answer, so that no cache gives the one of another origin."""

    @classmethod
    def from_text(cls, text: str) -> "Cors":
        """The CORS of the setting BURGEE_CORS_ORIGINS. Raises ValueError naming every refused entry."""
        return cls(read_origins(text))

    def is_allowed(self, origin: str) -> bool:
        """Whether pages of `origin`, the value of an Origin header, may call."""
        return bool(self._answer(origin)[1])

    def headers(self, origin: str | None) -> Pairs:
        """What an answer to `origin` carries, None where a request has no Origin or more than one."""
        if not self.is_on:
            return ()
        return VARY if origin is None else VARY + self._answer(origin)[0]

    def fields(self, origin: bytes | None) -> bytes:
        """The same as lines of a head, without `always`."""
        return self._answer(origin.decode("latin-1"))[1] if origin and self.is_on else b""

    def _answer(self, origin: str) -> tuple[Pairs, bytes]:
        known = self._known.get(origin)
        if known is None:
            pairs: Pairs = ()
            if self._allowed.has(origin):
                pairs = ((b"access-control-allow-origin", origin.encode("ascii")), *SHARED)
            known = pairs, b"".join([name + b": " + value + b"\r\n" for name, value in pairs])
            if len(self._known) >= KNOWN_ORIGINS:
                self._known.clear()
            self._known[origin] = known
        return known


NO_CORS = Cors()
"""No other site may call; its pages do not even learn that they may not."""


class CorsLayer:
    """ASGI application around `app`: answers preflights of allowed origins, dresses every other answer.

    A preflight of any other origin goes on to `app`, since dialects refuse it in words of their own; without
    our headers the browser refuses in any case.
    """

    def __init__(self, app: "ASGIApp", cors: Cors) -> None:
        self._app, self._cors = app, cors

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = sent_origin(scope["headers"])
        headers = self._cors.headers(origin.decode("latin-1") if origin is not None else None)
        if scope["method"] == "OPTIONS" and len(headers) > len(VARY):
            await send({"type": "http.response.start", "status": 200, "headers": [*headers, *PREFLIGHT]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def dressed(message: "Message") -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", ()) if not _is_ours(*pair)]
                message = {**message, "headers": [*own, *headers]}
            await send(message)

        await self._app(scope, receive, dressed)


def sent_origin(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The one Origin of a request, None where it has none or several: no browser sends two."""
    found = [value for name, value in headers if name == b"origin"]
    return found[0] if len(found) == 1 else None


def unparsed_origin(data: bytes, url: bytes) -> list[tuple[bytes, bytes]]:
    """The Origin headers behind `url` in the bytes of a request that is not parsed any further."""
    head = data.rpartition(b" %b HTTP/" % url)[2].partition(b"\r\n\r\n")[0] + b"\r\n"
    return [(b"origin", value) for value in ORIGIN_LINE.findall(head)]


def _is_ours(name: bytes, value: bytes) -> bool:
    """Whether a header that an application sent is one that the layer sends itself."""
    name = name.lower()
    return name.startswith(OURS) or (name == b"vary" and value.lower() == b"origin")
