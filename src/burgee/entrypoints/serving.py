"""Run one node in this process: open the application, serve, drain."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

from burgee.adapters.data_folder import open_data_folder
from burgee.bootstrap import open_application
from burgee.entrypoints.log_lines import log_to_stderr
from burgee.errors import UnavailableError
from burgee.service.access import Access
from burgee.settings import Settings
from burgee.surfaces.http.cors import Cors
from burgee.surfaces.http.counters import Counters
from burgee.surfaces.http.node import Node, NodeOptions
from burgee.surfaces.http.proxies import TrustedProxies

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover - where uvloop cannot be installed, asyncio's own loop does
    from asyncio import new_event_loop  # type: ignore[assignment]

ALONE_POLL_SECONDS = 1.0
"""A single worker makes every change itself: it looks only for a store that breaks or recovers."""
SHARED_POLL_SECONDS = 0.01
SIGN_IN_SECONDS = 900.0


def serve_node(
    settings: Settings,
    counters: Counters,
    *,
    http: socket.socket,
    operations: socket.socket,
    url: str,
    writes: bool = True,
    several: bool = False,
    greet: bool = False,
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status is 0 once everything in flight was answered."""
    log_to_stderr()
    writer = str(open_data_folder(settings.data).writer_socket) if several else ""
    options = NodeOptions(
        open_to_all=settings.is_loopback,
        public_url=settings.public_url,
        fractional=settings.fractional.value,
        writer_socket=writer,
        writes=writes,
        limits=settings.limits,
        cors=Cors.from_text(settings.cors_origins),
        proxies=TrustedProxies.from_text(settings.trusted_proxies),
        # A look at SQLite is a look at shared memory; one at DynamoDB is a call that is paid for.
        poll_seconds=SHARED_POLL_SECONDS if several and not settings.is_dynamodb else ALONE_POLL_SECONDS,
    )
    with open_application(settings, lock=False, writer=writes) as services:

        def ready() -> None:
            if greet:
                # Where others reach the server its output is often a log, which has many readers.
                with_link = settings.is_loopback or sys.stdout.isatty()
                print(greeting(settings.public_url or url, services.access, with_link=with_link), flush=True)
            on_ready()

        async def main() -> None:
            node = Node(services, counters, options=options, http=http, operations=operations)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, node.stopping.set)
            loop.add_signal_handler(signal.SIGHUP, lambda: None)  # one process cannot replace itself
            await node.run(ready)

        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    return 0


def greeting(url: str, access: Access, *, with_link: bool) -> str:
    """What is printed once connections are accepted; a link signs one browser in as an administrator."""
    if not with_link:
        return f"Burgee is listening on {url}\nTo sign in, make a token: burgee token create --help"
    minutes = int(SIGN_IN_SECONDS // 60)
    try:
        code = access.create_sign_in_code(SIGN_IN_SECONDS)
    except UnavailableError as error:
        # Evaluation outlives its store: nobody can sign in by link, but flags are answered.
        return f"Burgee is listening on {url}\nNo sign-in link could be made: {error}"
    return (
        f"Burgee is listening on {url}\nSign in (once, within {minutes} minutes): {url}/sign-in?code={code}"
    )
