"""A connection that can refuse: where it is in its request, and how it says no without losing an answer."""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from burgee.formats.strict_json import encode
from burgee.surfaces.http.answer import Answer
from burgee.surfaces.http.cors import sent_origin
from burgee.surfaces.http.edge import Edge
from burgee.surfaces.http.stream_sink import TransportSink

IDLE, HEAD, BODY, WORK, STREAM, REFUSED = range(6)
"""Where a connection is in its request; plain numbers, since every request looks at them several times."""


class Refused(Exception):
    """Raised in a parser callback to stop parsing; the answer is already written."""


class RefusingProtocol(HttpToolsProtocol):
    """What a connection knows of itself, and its refusals."""

    def __init__(
        self,
        edge: Edge,
        config: Config,
        server_state: ServerState,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self.access_log = False  # addresses can hold secrets; requests are counted instead
        self.edge = edge
        self.url, self.headers = b"", []
        self.phase = HEAD  # a connection that says nothing is late, like one that stops in its head
        self.since = edge.now
        self.fed = 0
        self.chunk = b""
        self.progress = self.barren = 0
        self.upgrade = False
        self.body_bytes = 0
        self.body: bytes | bytearray = b""
        self.known: dict[bytes, bytes] | None = None
        self.stalled_since = 0.0
        self.sink: TransportSink | None = None
        self.refusal = b""
        self.running: Any = None  # the cycle whose answer is next on the wire; `cycle` is the newest

    def _is_answering(self) -> bool:
        """Whether the application still owes an answer that somebody waits for."""
        running = self.running
        return running is not None and not (running.response_complete or running.disconnected)

    def _abandon(self) -> bool:
        """Let the application know that nobody waits for it; whether a part of its answer was sent."""
        running = self.running
        if running is None or running.response_complete:
            return False
        running.disconnected = True
        running.message_event.set()
        return bool(running.response_started)

    def _refuse(self, status: int, why: str, words: str, *headers: tuple[bytes, bytes]) -> None:
        """Answer with a problem, after the answers before it, and close."""
        self.edge.counters.refused(why)
        # `message` is for the clients of source APIs: before the head is read nobody knows whose it is.
        title = {"type": "about:blank", "status": status, "title": words, "message": words}
        problem = Answer(status, ((b"content-type", b"application/problem+json"), *headers), encode(title))
        # Only where it is sure whose headers these are: those of the request that is refused.
        origin = sent_origin(self.headers) if self.phase in (HEAD, BODY) else None
        fields = self.edge.cors.fields(origin)
        self.refusal = self.edge.on_the_wire(problem, close=True, fields=fields)
        if self.phase == BODY and self.known is None:
            self._take_back()
        self.phase, self.since, self.fed = REFUSED, self.edge.now, 0
        self.flow.resume_reading()
        if not self._is_answering():
            self._take_leave()

    def _take_back(self) -> None:
        """The application has the head of the request that is refused: it is not to answer it as well."""
        if self.cycle is not self.running:
            if self.pipeline:
                self.pipeline.popleft()
        elif self.running.response_complete:
            self.refusal = b""  # it did not wait for the body
        elif self._abandon():
            self.transport.abort()  # half an answer is on the wire: nothing can be said any more

    def _take_leave(self) -> None:
        """Say why, and read on for a little, so that the words are not lost to a reset."""
        self.since = self.edge.now
        if self.transport.is_closing():
            return
        self.transport.write(self.refusal)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
