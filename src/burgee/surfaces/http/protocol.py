"""uvicorn's HTTP protocol, with three things added.

Evaluation is answered inside the parser's callbacks, before an ASGI scope or a task exists; event streams
are written straight to their transports; and everything that a client may do slowly or at length has an
end. Whatever is unusual about a request sends it the normal way, through ASGI, to the same functions.
"""

import asyncio
from bisect import bisect_left
from time import perf_counter_ns
from typing import Any

import httptools

from burgee.formats.strict_json import encode
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.cors import unparsed_origin
from burgee.surfaces.http.counters import (
    BUCKETS_NS,
    BULK,
    CONNECTIONS,
    EVALUATE,
    EVALUATE_LATENCY,
    EVALUATE_NS,
    EVALUATE_OK,
)
from burgee.surfaces.http.counters import STREAM as STREAM_ROUTE
from burgee.surfaces.http.edge import HEAD_END, UsualRequest
from burgee.surfaces.http.heads import head_fault, is_path, without_offers
from burgee.surfaces.http.metering import network_of
from burgee.surfaces.http.proxies import FORWARDED_FOR
from burgee.surfaces.http.refusing import (
    BODY,
    HEAD,
    IDLE,
    REFUSED,
    STREAM,
    WORK,
    Refused,
    RefusingProtocol,
)
from burgee.surfaces.http.stream_sink import STREAM_HEAD, TransportSink, stream_request

OFREP_PREFIX = b"/ofrep/v1/"
EVALUATE_PREFIX = b"/ofrep/v1/evaluate/flags"
SINGLE_PREFIX = EVALUATE_PREFIX + b"/"
SINGLE_LENGTH = len(SINGLE_PREFIX)
NOTHING = encode({"errorDetails": "there is nothing at this address"})
UNUSUAL = frozenset({b"expect", b"upgrade"})
STREAM_PREFIX = b"/ofrep/v1/sse"
BUFFERED_BYTES = 32 * 1024 * 1024
"""A client that pipelines and does not read is cut off when this much waits for it."""
DISCARDED_BYTES = 16 * 1024 * 1024
"""How much a refused client may still send before its connection is reset."""


class BurgeeProtocol(RefusingProtocol):
    """One connection."""

    # -- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._count_connections()
        if len(self.connections) > self.edge.limits.connections:
            self._refuse(503, "connections", "too many connections", (b"retry-after", b"5"))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.pipeline.clear()
        self._abandon()
        self._count_connections()
        if self.sink is not None:
            self.edge.hub.leave(self.sink)

    def _count_connections(self) -> None:
        if self.edge.counts_connections:
            self.edge.counters.cells[CONNECTIONS] = len(self.connections)

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase == IDLE:
            end = data.find(HEAD_END) + 4
            request = self.edge.requests.get(data[:end])
            if request is not None and len(data) - end == request.length and not self.edge.draining:
                self.edge.recognised += 1
                self.since = self.edge.now
                self._answer(request, data[end:], close=False)
                return
            self.phase, self.since, self.fed, self.chunk = HEAD, self.edge.now, len(data), data
            self.headers = []
        else:
            self.fed += len(data)
            if phase >= STREAM:
                if self.fed > DISCARDED_BYTES:
                    self.transport.abort()
                return
        progress = self.progress
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if self.phase == HEAD:
                self.headers = unparsed_origin(data, self.url) or self.headers
            if self.phase != REFUSED and len(self.url) > self.edge.limits.url_bytes:
                self._refuse(414, "url", "the address is too long")
            elif self.phase != REFUSED:
                self._refuse(400, "malformed", "this is not HTTP/1.1")
        if self.phase == HEAD and self.fed > self.edge.head_bytes:
            self._refuse(431, "headers", "the header fields are too long")
        elif self.phase == BODY:
            # What brings no body along is trailers, or extensions of chunks: those are bounded as a head is.
            self.barren = self.barren + len(data) if self.progress == progress else 0
            if self.barren > self.edge.head_bytes:
                self._refuse(431, "headers", "the trailer fields are too long")

    def pause_writing(self) -> None:
        self.stalled_since = self.edge.now
        self.flow.pause_writing()
        if self.sink is not None:
            self.sink.paused = True
        elif self.phase < WORK:
            self.flow.pause_reading()  # no more inline answers until the client has taken these

    def resume_writing(self) -> None:
        self.stalled_since = 0.0
        self.flow.resume_writing()
        if self.sink is not None:
            self.sink.paused = False
            self.edge.hub.caught_up(self.sink)
        elif self.phase < WORK:
            self.flow.resume_reading()

    def check(self) -> None:
        """Enforce the deadlines; called about once a second."""
        now, deadlines = self.edge.now, self.edge.deadlines
        if self.stalled_since and now - self.stalled_since > deadlines.write:
            self.edge.counters.refused("write_stall")
            self.transport.abort()
            return
        waited = now - self.since
        if self.phase in {HEAD, BODY}:
            if self.flow.read_paused:
                self.since = now  # it is we who do not read
            elif waited > (deadlines.head if self.phase == HEAD else deadlines.body):
                self._refuse(408, "receipt", "the request did not arrive in time")
        elif self.phase == IDLE and waited > deadlines.idle:
            self.transport.close()
        elif self.phase == REFUSED and waited > deadlines.linger and not self._is_answering():
            self.transport.abort()

    def drain(self, *, last_call: bool) -> None:
        """Going down: finish what runs; at the last call close what is idle."""
        if self.running is not None and not self.running.response_complete:
            self.running.keep_alive = False
        elif last_call and self.phase in {IDLE, HEAD}:
            self.transport.close()

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        if self.phase != HEAD:
            self.phase, self.since, self.fed = HEAD, self.edge.now, 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.edge.limits.url_bytes:
            raise Refused  # what follows in these bytes says whom the refusal is for

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == HEAD:  # later ones are trailers, which are for nobody (RFC 9110 section 6.5.1)
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        headers, edge = self.headers, self.edge
        known = dict(headers)
        fault = head_fault(headers, known, self.fed, edge.limits)
        if fault is not None:
            self._refuse(*fault)
            raise Refused
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._refuse(400, "malformed", "this server is no proxy")
                raise Refused
            self.upgrade = True  # the parser takes what follows for another protocol: see _decline_upgrade
            return
        length = known.get(b"content-length", b"")
        if len(length) > 5 and int(length) > edge.body_limit(self.url):
            self._refuse(413, "body", "the body is too large")
            raise Refused
        is_inline = edge.inline and self.url.startswith(OFREP_PREFIX) and self._is_usual(known)
        if not is_inline and not is_path(self.url):
            self._refuse(400, "malformed", "the address has no path that can be read")
            raise Refused
        self.phase, self.since, self.body_bytes, self.barren = BODY, edge.now, 0, 0
        if is_inline:
            self.known, self.body = known, b""
        else:
            self.known = None
            self._through_asgi(known)

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        self.progress += 1
        if self.body_bytes > self.edge.limits.body_bytes and self.body_bytes > self.edge.body_limit(self.url):
            self._refuse(413, "body", "the body is too large")
            raise Refused
        if self.known is None:
            super().on_body(body)
        elif isinstance(self.body, bytearray):
            self.body += body
        else:
            self.body = bytearray(self.body) + body if self.body else body

    def on_message_complete(self) -> None:
        if self.upgrade:
            return
        self.progress += 1
        if self.known is not None:
            self._answer_usual(self.known)
        else:
            super().on_message_complete()
            done = self.cycle.response_complete
            self.phase, self.since = (IDLE if done else WORK), self.edge.now

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.phase == WORK:
            self.phase, self.since = IDLE, self.edge.now
        elif self.phase == REFUSED:
            self._take_leave()

    # -- the three ways of a request

    def _is_usual(self, known: dict[bytes, bytes]) -> bool:
        """Whether nothing about this request for OFREP needs more than its own bytes."""
        if len(known) != len(self.headers) or not UNUSUAL.isdisjoint(known):
            return False
        if self._is_answering():
            return False
        if b"connection" in known and self.parser.get_http_version() != "1.1":
            return False
        method = self.parser.get_method()
        if method == b"POST":
            return self.url.startswith(EVALUATE_PREFIX) and b"%" not in self.url
        return method == b"GET" and self.url.startswith(STREAM_PREFIX)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read on in HTTP/1.1: an upgrade that is not taken is as if it had not been offered (RFC 9110, 7.8).

        The parser has stopped behind the head; another one gets that head without the offer.
        """
        self.upgrade = False
        if self.phase == REFUSED:
            return
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.parser = httptools.HttpRequestParser(self)
        self.phase, self.fed = HEAD, 0
        self.data_received(without_offers(method, self.url, version, self.headers) + rest)

    def _through_asgi(self, known: dict[bytes, bytes]) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = known.get(b"expect", b"").lower() == b"100-continue"
        super().on_headers_complete()
        if self.edge.draining:
            self.cycle.keep_alive = False

    def _answer_usual(self, known: dict[bytes, bytes]) -> None:
        url = self.url
        self.known = None
        self.phase, self.since = IDLE, self.edge.now
        close = self.edge.draining or not self.parser.should_keep_alive()
        if url.startswith(STREAM_PREFIX):
            self._open_stream(known, close=close)
            return
        body = bytes(self.body)  # of bytes this is the same object
        path, _, query = url.partition(b"?")
        key = path[SINGLE_LENGTH:].decode("latin-1") if path.startswith(SINGLE_PREFIX) else ""
        is_found = bool(key) or path in {EVALUATE_PREFIX, SINGLE_PREFIX}
        fields = self.edge.cors.fields(known.get(b"origin"))
        request = UsualRequest(key, query, known, len(body), is_found, fields)
        if not close and self.fed == len(self.chunk) and b"transfer-encoding" not in known:
            self.edge.remember(request, self.chunk)
        self._answer(request, body, close=close)

    def _answer(self, request: UsualRequest, body: bytes, *, close: bool) -> None:
        """Answer a usual request. The first half is the path of nearly all requests: mind every line."""
        started = perf_counter_ns()
        edge, key = self.edge, request.key
        if key:
            ready = edge.ofrep.quick(key, request.headers, body)
            if ready is not None and not close:
                tail, outcome, cell = ready
                self.transport.write(edge.ok + request.fields + tail)
                cell.count += 1
                cells = edge.counters.cells
                cells[outcome] += 1
                cells[EVALUATE_OK] += 1
                spent = perf_counter_ns() - started
                cells[EVALUATE_LATENCY + bisect_left(BUCKETS_NS, spent)] += 1
                cells[EVALUATE_NS] += spent
                return
            route, answer = EVALUATE, edge.ofrep.single(key, request.headers, body)
        elif request.is_found:
            same = None if close or request.query else edge.ofrep.unchanged(request.headers, body)
            if same is not None:
                self.transport.write(edge.not_modified + request.fields + same)
                edge.counters.answered(BULK, 304, perf_counter_ns() - started)
                return
            route, answer = BULK, edge.ofrep.bulk(request.query, request.headers, body)
        else:
            route, answer = BULK, json_answer(404, NOTHING)
        self._write(answer, close=close, fields=request.fields)
        edge.counters.answered(route, answer.status, perf_counter_ns() - started)

    def _open_stream(self, known: dict[bytes, bytes], *, close: bool) -> None:
        peer = self.client[0] if self.client else ""
        address = network_of(self.edge.proxies.client(peer, known.get(FORWARDED_FOR, b"")))
        scope = stream_request(self.edge.ofrep, self.edge.hub, self.url, known, address=address)
        fields = self.edge.cors.fields(known.get(b"origin"))
        if isinstance(scope, Answer):
            self._write(scope, close=close, fields=fields)
            self.edge.counters.answered(STREAM_ROUTE, scope.status, 0)
            return
        self.phase, self.fed = STREAM, 0
        self.sink = TransportSink(self.transport)
        last = known.get(b"last-event-id", b"").decode("latin-1")
        credential = self.edge.ofrep.audience.credential(known)
        first = self.edge.hub.join(self.sink, scope, last, credential=credential, address=address)
        self.transport.write(self.edge.ok + fields + STREAM_HEAD + first)
        self.edge.counters.answered(STREAM_ROUTE, 200, 0)
        self.headers, self.url, self.scope = [], b"", {}  # type: ignore[typeddict-item]

    def _write(self, answer: Answer, *, close: bool, fields: bytes) -> None:
        self.transport.write(self.edge.on_the_wire(answer, close=close, fields=fields))
        if close:
            self.transport.close()
        elif self.transport.get_write_buffer_size() > BUFFERED_BYTES:
            self.edge.counters.refused("write_stall")
            self.transport.abort()
