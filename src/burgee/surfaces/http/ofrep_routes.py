"""The ASGI routes of OFREP: the same functions as the inline path, for everything unusual."""

from time import perf_counter_ns

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from burgee.surfaces.http.answer import Answer
from burgee.surfaces.http.counters import BULK, EVALUATE, STREAM
from burgee.surfaces.http.metering import Gate, address_of
from burgee.surfaces.http.ofrep import BULK_PATH, STREAM_PATH, Ofrep
from burgee.surfaces.http.stream_sink import AsgiSink, stream_request
from burgee.surfaces.http.streams import StreamHub
from burgee.surfaces.http.whole_path import whole_path


def ofrep_routes(ofrep: Ofrep, *, gate: Gate | None = None) -> list[Route]:
    """Single and bulk evaluation; `gate` meters it."""

    async def single(request: Request) -> Response:
        body = await _body(request)
        started = perf_counter_ns()
        headers = dict(request.scope["headers"])
        refused = await gate(headers) if gate else None
        answer = refused or ofrep.single(request.path_params["key"], headers, body)
        ofrep.counters.answered(EVALUATE, answer.status, perf_counter_ns() - started)
        return _response(answer)

    async def bulk(request: Request) -> Response:
        body = await _body(request)
        started = perf_counter_ns()
        headers = dict(request.scope["headers"])
        refused = await gate(headers) if gate else None
        answer = refused or ofrep.bulk(request.scope["query_string"], headers, body)
        ofrep.counters.answered(BULK, answer.status, perf_counter_ns() - started)
        return _response(answer)

    return [
        whole_path(Route(BULK_PATH, bulk, methods=["POST"], name="ofrep.bulk")),
        whole_path(Route(f"{BULK_PATH}/", bulk, methods=["POST"], name="ofrep.bulk.slash")),
        whole_path(Route(f"{BULK_PATH}/{{key:path}}", single, methods=["POST"], name="ofrep.single")),
    ]


def stream_routes(ofrep: Ofrep, hub: StreamHub) -> list[Route]:
    """Event streams."""

    async def stream(request: Request) -> "_Stream | Response":
        headers = dict(request.scope["headers"])
        address = address_of(request.scope)
        scope = stream_request(ofrep, hub, request.scope["raw_path"], headers, address=address)
        if isinstance(scope, Answer):
            ofrep.counters.answered(STREAM, scope.status, 0)
            return _response(scope)
        sink = AsgiSink()
        last = headers.get(b"last-event-id", b"").decode("latin-1")
        credential = ofrep.audience.credential(headers)
        first = hub.join(sink, scope, last, credential=credential, address=address)
        ofrep.counters.answered(STREAM, 200, 0)
        return _Stream(sink, hub, first)

    return [
        whole_path(Route(STREAM_PATH, stream, methods=["GET"], name="ofrep.stream")),
        whole_path(
            Route(f"{STREAM_PATH}/{{selector:path}}", stream, methods=["GET"], name="ofrep.stream.selector")
        ),
    ]


class _Stream(Response):
    """A response that lasts as long as its stream."""

    def __init__(self, sink: AsgiSink, hub: StreamHub, first: bytes) -> None:
        super().__init__(status_code=200)
        self._sink, self._hub, self._first = sink, hub, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] != "HEAD":
                await self._sink.run(self._first, receive, send)
        finally:
            self._hub.leave(self._sink)
        if scope["method"] == "HEAD":
            await Response(media_type="text/event-stream")(scope, receive, send)


async def _body(request: Request) -> bytes:
    """The body; of a client that went away nothing, since nobody reads the answer."""
    try:
        return await request.body()
    except ClientDisconnect:
        return b""


def _response(answer: Answer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    response.raw_headers = [
        *answer.headers,
        *([] if answer.status == 304 else [(b"content-length", str(len(answer.body)).encode())]),
    ]
    return response
