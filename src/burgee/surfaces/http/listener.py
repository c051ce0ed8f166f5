"""One listening socket and its connections, from the first accept to the end of draining."""

import asyncio
import logging
import socket
import time

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from burgee.surfaces.http.edge import Edge
from burgee.surfaces.http.protocol import BurgeeProtocol

BACKLOG = 2048
ACCEPT_REST_SECONDS = 0.02
LAST_CALL_SECONDS = 0.7
"""How long a connection that is idle at the start of draining may still send a request."""


class Listener:
    """Accepts on `listening` and serves `app`; evaluation goes the short way through `edge`."""

    def __init__(self, app: ASGIApp, edge: Edge, listening: socket.socket, *, trusted: bool = False) -> None:
        # `trusted` peers (workers, over a socket file that only we can open) say who their client is.
        config = Config(
            app,
            http=BurgeeProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=trusted,
            forwarded_allow_ips="*" if trusted else None,
            server_header=False,
        )
        config.load()
        # What clients send wrongly is counted, not logged: a log that clients fill is an attack.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.edge = edge
        self._config, self._listening = config, listening
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        self.tick()

        def connection() -> BurgeeProtocol:
            return BurgeeProtocol(self.edge, self._config, self._state, loop=loop)

        if self._listening.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(connection, sock=self._listening, backlog=BACKLOG)
        else:
            self._server = await loop.create_server(connection, sock=self._listening, backlog=BACKLOG)

    def tick(self) -> None:
        """Once a second: the date, the deadlines."""
        edge = self.edge
        edge.tick(now=time.monotonic(), wall=time.time())
        self._state.default_headers = [(b"date", edge.date[6:-2])]
        for connection in list(self._state.connections):
            if isinstance(connection, BurgeeProtocol):
                connection.check()

    async def stop_accepting(self) -> None:
        """Close the listening socket in this process; other workers go on with theirs."""
        self.edge.draining = True
        await asyncio.sleep(ACCEPT_REST_SECONDS)  # what the kernel has queued so far is still let in
        if self._server is not None:
            self._server.close()
        self._call(last=False)

    async def drain(self, seconds: float) -> None:
        """Let every request that runs finish, for at most `seconds`, then cut off what is left."""
        started = time.monotonic()
        while self._state.connections and (waited := time.monotonic() - started) < seconds:
            self._call(last=waited > LAST_CALL_SECONDS)
            await asyncio.sleep(0.02)
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=0.5)

    def _call(self, *, last: bool) -> None:
        for connection in list(self._state.connections):
            if isinstance(connection, BurgeeProtocol):
                connection.drain(last_call=last)
