"""What all connections of one listener share: limits, the clock of deadlines, prepared bytes."""

from email.utils import formatdate
from typing import NamedTuple

from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.surfaces.http.answer import STATUS_LINES, Answer
from burgee.surfaces.http.cors import NO_CORS, Cors
from burgee.surfaces.http.counters import Counters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.proxies import NO_PROXIES, TrustedProxies
from burgee.surfaces.http.streams import StreamHub

LARGE_BODIES = (b"/api/v1/import", b"/api/v1/validate", b"/api/v1/overrides/import")
"""Paths whose bodies may be as long as `Limits.import_bytes`."""


HEAD_END = b"\r\n\r\n"
REMEMBERED_HEADS = 1024
REMEMBERED_BYTES = 2048
"""How many heads of requests are known by heart, and how long one may be."""
PAUSE_SECONDS = 10


class Deadlines:
    """Seconds that a client has for each thing."""

    def __init__(
        self,
        *,
        head: float = 10,
        body: float = 30,
        idle: float = 75,
        write: float = 30,
        linger: float = 2,
    ) -> None:
        self.head, self.body, self.idle, self.write, self.linger = head, body, idle, write, linger


class UsualRequest(NamedTuple):
    """What the head of an evaluation request says: `key` is empty where all flags are meant.

    `fields` are lines for the head of the answer, those of CORS.
    """

    key: str
    query: bytes
    headers: dict[bytes, bytes]
    length: int
    is_found: bool
    fields: bytes = b""


class Edge:
    """Shared by the connections of one listener; `tick` is called about once a second.

    `inline` False sends every request through ASGI: the tests run over both.
    """

    def __init__(
        self,
        ofrep: Ofrep,
        hub: StreamHub,
        counters: Counters,
        *,
        limits: Limits = DEFAULT_LIMITS,
        deadlines: Deadlines | None = None,
        inline: bool = True,
        counts_connections: bool = True,
        cors: Cors = NO_CORS,
        proxies: TrustedProxies = NO_PROXIES,
    ) -> None:
        self.cors, self.proxies = cors, proxies
        self.counts_connections = counts_connections
        self.ofrep, self.hub, self.counters = ofrep, hub, counters
        self.limits, self.deadlines, self.inline = limits, deadlines or Deadlines(), inline
        self.head_bytes = limits.header_bytes + limits.url_bytes
        self.draining = False
        self.now = 0.0
        self.date = b""
        self.ok = self.not_modified = b""
        self.requests: dict[bytes, UsualRequest] = {}
        self.recognised = 0
        self.learns_from = 0.0

    def remember(self, request: UsualRequest, data: bytes) -> None:
        """Keep what was parsed of `data`, one whole request, for the next one with the same head.

        A client sends the same head again and again; the bytes that were parsed once need no parser. Where
        hardly a head comes twice (each has a trace of its own, say) nothing is kept for a while.
        """
        end = len(data) - request.length
        if end <= REMEMBERED_BYTES and data.find(HEAD_END) == end - 4:
            if len(self.requests) >= REMEMBERED_HEADS:
                if self.recognised < REMEMBERED_HEADS:
                    self.learns_from = self.now + PAUSE_SECONDS
                self.requests.clear()
                self.recognised = 0
            if self.now >= self.learns_from:
                self.requests[data[:end]] = request

    def tick(self, *, now: float, wall: float) -> None:
        """Move the coarse clocks on: `now` is monotonic, `wall` Unix seconds."""
        self.now = now
        self.date = b"date: " + formatdate(wall, usegmt=True).encode() + b"\r\n"
        self.ok = STATUS_LINES[200] + self.date + self.cors.always
        self.not_modified = STATUS_LINES[304] + self.date + self.cors.always

    def on_the_wire(self, answer: Answer, *, close: bool, fields: bytes = b"") -> bytes:
        """The whole answer as bytes; `fields` are lines of its head."""
        ending = b"connection: close\r\n" if close else b""
        return STATUS_LINES[answer.status] + self.date + self.cors.always + fields + ending + answer.tail()

    def body_limit(self, url: bytes) -> int:
        """How many bytes of body a request to `url` may have."""
        path = url.partition(b"?")[0]
        return self.limits.import_bytes if path in LARGE_BODIES else self.limits.body_bytes
