"""What all connections of one listener share: limits, the clock of deadlines, prepared bytes."""

from email.utils import formatdate

from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.surfaces.http.answer import STATUS_LINES, Answer
from burgee.surfaces.http.metrics import Counters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.streams import StreamHub

LARGE_BODIES = (b"/api/v1/import", b"/api/v1/validate")
"""Paths whose bodies may be as long as `Limits.import_bytes`."""


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
    ) -> None:
        self.counts_connections = counts_connections
        self.ofrep, self.hub, self.counters = ofrep, hub, counters
        self.limits, self.deadlines, self.inline = limits, deadlines or Deadlines(), inline
        self.head_bytes = limits.header_bytes + limits.url_bytes
        self.draining = False
        self.now = 0.0
        self.date = b""
        self.ok = b""

    def tick(self, *, now: float, wall: float) -> None:
        """Move the coarse clocks on: `now` is monotonic, `wall` Unix seconds."""
        self.now = now
        self.date = b"date: " + formatdate(wall, usegmt=True).encode() + b"\r\n"
        self.ok = STATUS_LINES[200] + self.date

    def on_the_wire(self, answer: Answer, *, close: bool) -> bytes:
        """The whole answer as bytes."""
        ending = b"connection: close\r\n" if close else b""
        return STATUS_LINES[answer.status] + self.date + ending + answer.tail()

    def body_limit(self, url: bytes) -> int:
        """How many bytes of body a request to `url` may have."""
        path = url.partition(b"?")[0]
        return self.limits.import_bytes if path in LARGE_BODIES else self.limits.body_bytes
