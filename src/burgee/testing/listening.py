"""A listener in a thread of the test's own process: real sockets, injected limits and deadlines."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from uvloop import new_event_loop

from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.service.services import Services
from burgee.surfaces.http.cors import NO_CORS, Cors, CorsLayer
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.edge import Deadlines, Edge
from burgee.surfaces.http.listener import Listener
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.proxies import NO_PROXIES, BehindProxies, TrustedProxies
from burgee.surfaces.http.streams import StreamHub


class Listening:
    """What a test can reach of a running listener."""

    def __init__(
        self, listener: Listener, hub: StreamHub, counters: Counters, address: tuple[str, int]
    ) -> None:
        self.listener, self.hub, self.counters, self.address = listener, hub, counters, address
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def connect(self, timeout: float = 10) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(self.address, timeout=timeout)

    def exchange(self, data: bytes, timeout: float = 10) -> bytes:
        """Send `data`, and everything that comes back until the server closes or falls silent."""
        with self.connect(timeout) as connection:
            connection.sendall(data)
            received = b""
            try:
                while part := connection.recv(65536):
                    received += part
            except (TimeoutError, ConnectionResetError):
                pass
            return received

    def call(self, function: Callable[[], object]) -> None:
        """Run `function` in the listener's event loop, and wait for it."""
        done = threading.Event()

        def run() -> None:
            function()
            done.set()

        assert self.loop is not None
        self.loop.call_soon_threadsafe(run)
        assert done.wait(10)


async def _echo(request: Request) -> Response:
    """Answers with what arrived: the tests' stand-in for the management API."""
    try:
        body = await request.body()
    except ClientDisconnect:
        body = b""
    return JSONResponse({"method": request.method, "bytes": len(body), "query": request.url.query})


async def _headers(request: Request) -> Response:
    """The header fields as an application sees them, once the body is there."""
    await request.body()
    return JSONResponse(dict(request.headers))


async def _early(_: Request) -> Response:
    """Answers without a look at the body, as a refused sign-in does."""
    return JSONResponse({"early": True})


async def _slow_end(_: Request) -> Response:
    """All bytes of the answer, and only later its end, as an answer does that another process makes."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"all of it"
        await asyncio.sleep(0.2)

    return StreamingResponse(parts(), headers={"content-length": "9"})


@contextmanager
def listening(
    services: Services,
    *,
    inline: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    deadlines: Deadlines | None = None,
    open_to_all: bool = True,
    tick_seconds: float = 0.05,
    cors: Cors = NO_CORS,
    proxies: TrustedProxies = NO_PROXIES,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = new_event_loop,
) -> Iterator[Listening]:
    """Serve `services` on a free port of 127.0.0.1 for the length of a `with`."""
    counters = Counters(SharedCounters.create(1), 0)
    ofrep = Ofrep(
        services.live,
        services.access,
        counters,
        open_to_all=open_to_all,
        overrides=services.overrides,
        tally=services.usage.tally,
        refusals=services.refusals,
        refresh=services.refresher.poll,
        limits=limits,
    )
    hub = StreamHub(ofrep, counters, dice=lambda: 0.5, limits=limits)
    methods = ["GET", "POST", "PUT"]
    app = Starlette(
        routes=[
            *ofrep_routes(ofrep),
            *stream_routes(ofrep, hub),
            Route("/echo", _echo, methods=methods),
            Route("/early", _early, methods=methods),
            Route("/headers", _headers, methods=methods),
            Route("/slow-end", _slow_end, methods=methods),
            Route("/api/v1/import", _echo, methods=methods),
        ]
    )
    app.router.redirect_slashes = False
    edge = Edge(
        ofrep,
        hub,
        counters,
        limits=limits,
        deadlines=deadlines,
        inline=inline,
        cors=cors,
        proxies=proxies,
    )
    bound = socket.create_server(("127.0.0.1", 0), backlog=1024)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)  # so that a stuck reader shows soon
    dressed: ASGIApp = CorsLayer(app, cors) if cors.is_on else app
    dressed = BehindProxies(dressed, proxies) if proxies.is_on else dressed
    server = Listening(Listener(dressed, edge, bound), hub, counters, bound.getsockname()[:2])
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        server.loop = asyncio.get_running_loop()
        await server.listener.start()
        loop = server.loop

        def swapped(_: object) -> None:
            loop.call_soon_threadsafe(hub.publish)

        unsubscribe = services.live.subscribe(swapped)
        unsubscribe_overrides = services.overrides.subjects.subscribe(lambda: swapped(None))
        started.set()
        last = time.monotonic()
        while not stop.is_set():
            await asyncio.sleep(0.01)
            if time.monotonic() - last >= tick_seconds:
                last = time.monotonic()
                server.listener.tick()
        unsubscribe()
        unsubscribe_overrides()
        await server.listener.stop_accepting()
        hub.drain()
        await server.listener.drain(1.0)

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="listening")
    thread.start()
    try:
        assert started.wait(10)
        yield server
    finally:
        stop.set()
        thread.join(10)
