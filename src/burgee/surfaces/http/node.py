"""One worker: its listeners, its look-out for publishes, its counters, from start to drained."""

import asyncio
import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter_ns

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.service.catalogue import Catalogue
from burgee.service.services import Services
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.cors import NO_CORS, Cors, CorsLayer
from burgee.surfaces.http.counters import (
    ADMITTED,
    FLAGS,
    MANAGEMENT,
    OVER_BUDGET,
    PUBLISHES,
    REVISION,
    Counters,
)
from burgee.surfaces.http.edge import Deadlines, Edge
from burgee.surfaces.http.forwarding import Forwarding, reachable
from burgee.surfaces.http.health import operations_app
from burgee.surfaces.http.listener import Listener
from burgee.surfaces.http.metering import evaluation_gate
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.proxies import NO_PROXIES, BehindProxies, TrustedProxies
from burgee.surfaces.http.streams import StreamHub

_log = logging.getLogger("burgee.node")

DRAIN_SECONDS = 4.0
FLUSH_SECONDS = 0.1
OVERRIDE_EVENT_SECONDS = 1.0


class NodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between the workers and servers.

    `writer_socket` is the file of the writing worker, empty where there is only one worker;
    `writes` says whether this one is it. `poll_seconds` is the pause between two looks at the store.
    """

    open_to_all: bool = True
    public_url: str = ""
    fractional: str = "v2"
    writer_socket: str = ""
    writes: bool = True
    poll_seconds: float = 0.01
    inline: bool = True
    limits: Limits = DEFAULT_LIMITS
    cors: Cors = NO_CORS
    proxies: TrustedProxies = NO_PROXIES


class Node:
    """Serves `services` on sockets that are already bound."""

    def __init__(
        self,
        services: Services,
        counters: Counters,
        *,
        options: NodeOptions,
        http: socket.socket,
        operations: socket.socket,
    ) -> None:
        self._services, self._counters, self._options = services, counters, options
        self._http, self._operations = http, operations
        self._stop = threading.Event()
        self.stopping = asyncio.Event()
        limits = options.limits
        self.ofrep = Ofrep(
            services.live,
            services.access,
            counters,
            open_to_all=options.open_to_all,
            overrides=services.overrides,
            tally=services.usage.tally,
            refusals=services.refusals,
            refresh=self._look,
            limits=limits,
            public_url=options.public_url,
            salt=options.fractional,
        )
        services.budget.on_stop(self.ofrep.stop)
        self._follow_budgets()
        self.hub = StreamHub(self.ofrep, counters, dice=random.random, limits=limits)
        self._changes = Coalescing(self.hub.publish)
        self._listeners = self._make_listeners(limits)
        self._revision = sum(services.live.current.revisions.values())
        self._note(services.live.current)

    def _make_listeners(self, limits: Limits) -> list[Listener]:
        options, counters = self._options, self._counters
        limited = self._services.budget.evaluation

        def edge(*, inline: bool, counted: bool, limits: Limits = limits, cors: Cors = NO_CORS) -> Edge:
            return Edge(
                self.ofrep,
                self.hub,
                counters,
                limits=limits,
                deadlines=Deadlines(),
                inline=inline,
                counts_connections=counted,
                cors=cors,
                proxies=options.proxies,
            )

        gate = evaluation_gate(limited, self.ofrep) if limited else None
        routes = [*ofrep_routes(self.ofrep, gate=gate), *stream_routes(self.ofrep, self.hub)]
        cors = options.cors
        app: ASGIApp = build_app(
            self._services, evaluation_routes=routes, public_url=options.public_url, cors=cors
        )
        outer: ASGIApp = app
        if options.writer_socket and not options.writes:
            outer = Forwarding(app, Path(options.writer_socket))
        if cors.is_on:  # around the forwarding: the writer's answers pass here too, and are dressed once
            outer = CorsLayer(outer, cors)
        if options.proxies.is_on:  # around the forwarding too, which tells the writer who calls
            outer = BehindProxies(outer, options.proxies)
        inline = options.inline and limited is None  # what waits for a lease may not block the loop
        main_edge = edge(inline=inline, counted=True, cors=cors)
        main = Listener(Counting(outer, counters), main_edge, self._http)
        health = operations_app(self._services.refresher, counters, draining=lambda: main.edge.draining)
        listeners = [main, Listener(health, edge(inline=False, counted=False), self._operations)]
        if options.writer_socket and options.writes:
            try:
                listening = writer_listener(Path(options.writer_socket))
            except OSError as error:
                # The others cannot hand writes over then; they go on evaluating, and so does this one.
                _log.warning("writer.unreachable", extra={"problem": error.strerror})
                return listeners
            # A worker adds a few fields of its own to what it forwards, and has counted those of the client.
            roomy = msgspec.structs.replace(limits, header_fields=limits.header_fields + 8)
            roomy = msgspec.structs.replace(roomy, header_bytes=limits.header_bytes + 1024)
            inner = edge(inline=False, counted=False, limits=roomy)
            listeners.append(Listener(app, inner, listening, trusted=True))
        return listeners

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until `stopping` is set, then drain; `on_ready` is called once connections are accepted."""
        loop = asyncio.get_running_loop()

        def swapped(catalogue: Catalogue) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: there is nobody left to tell
                loop.call_soon_threadsafe(self._published, catalogue)

        def overridden() -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._changes.hear)

        unsubscribe = self._services.live.subscribe(swapped)
        unsubscribe_overrides = self._services.overrides.subjects.subscribe(overridden)
        # Two threads: to learn a million overridden subjects takes seconds, in which flags are published too.
        watchers = [
            threading.Thread(target=self._watch, args=(poll,), name=f"burgee-{name}", daemon=True)
            for name, poll in (
                ("refresh", self._refresh),
                ("overrides", self._services.overrides.subjects.poll),
            )
        ]
        try:
            for listener in self._listeners:
                await listener.start()
            for watcher in watchers:
                watcher.start()
            ticking = asyncio.ensure_future(self._tick())
            on_ready()
            await self.stopping.wait()
            await self._drain()
            ticking.cancel()
        finally:
            unsubscribe()
            unsubscribe_overrides()
            self._stop.set()
            for watcher in watchers:
                if watcher.is_alive():
                    watcher.join(timeout=5)
            self._counters.flush()

    async def _drain(self) -> None:
        await asyncio.gather(*[listener.stop_accepting() for listener in self._listeners])
        self.hub.drain()
        await asyncio.gather(*[listener.drain(DRAIN_SECONDS) for listener in self._listeners])

    async def _tick(self) -> None:
        beat = 0
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._counters.flush()
            beat += 1
            if beat % 10 == 0:
                for listener in self._listeners:
                    listener.tick()
                self.hub.tick()

    def _watch(self, poll: Callable[[], bool]) -> None:
        while not self._stop.wait(self._options.poll_seconds):
            poll()

    def _refresh(self) -> bool:
        self._services.budget.follow()
        return self._services.refresher.poll()

    def _look(self) -> bool:
        """Look at the store at once, for a client that has heard of something newer."""
        overridden = self._services.overrides.subjects.catch_up()
        return self._services.refresher.poll() or overridden

    def _published(self, catalogue: Catalogue) -> None:
        self._note(catalogue)
        self.hub.publish()

    def _follow_budgets(self) -> None:
        budget = self._services.budget
        for place, meter in enumerate((budget.management, budget.evaluation)):  # as in metrics.BUDGETS
            if meter is not None:
                self._counters.follow(ADMITTED + place, partial(getattr, meter, "admitted"))
                self._counters.follow(OVER_BUDGET + place, partial(getattr, meter, "refused"))

    def _note(self, catalogue: Catalogue) -> None:
        revision = sum(catalogue.revisions.values())
        cells = self._counters.cells
        if self._options.writes:
            cells[PUBLISHES] += max(0, revision - self._revision)
        self._revision = revision
        cells[REVISION] = revision
        cells[FLAGS] = sum([len(program.flags) for program in catalogue.programs.values()])


class Coalescing:
    """Runs `act` at once when it hears of something, then at most once in OVERRIDE_EVENT_SECONDS.

    Every stream is told of an override, whoever it is for: a stream does not know its subject.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._is_waiting = False
        self._next_at = 0.0

    def hear(self) -> None:
        """Something has changed. In the event loop's thread."""
        if self._is_waiting:
            return
        self._is_waiting = True
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, self._next_at - loop.time()), self._run)

    def _run(self) -> None:
        self._is_waiting = False
        self._next_at = asyncio.get_running_loop().time() + OVERRIDE_EVENT_SECONDS
        self._act()


class Counting:
    """ASGI application around `app` that counts the requests outside evaluation."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self._app, self._counters = app, counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/ofrep/"):
            await self._app(scope, receive, send)
            return
        started = perf_counter_ns()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counters.answered(MANAGEMENT, message["status"], perf_counter_ns() - started)
            await send(message)

        await self._app(scope, receive, counted)


def writer_listener(path: Path) -> socket.socket:
    """A socket file that only its owner can connect to, put in the place of one that may be there.

    A writer that is being replaced keeps answering what it has already accepted.
    """
    folder = path.parent
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh = folder / f"w{time.monotonic_ns():x}"
    listening.bind(reachable(fresh))
    fresh.chmod(0o600)
    listening.listen(2048)
    fresh.rename(path)
    return listening
