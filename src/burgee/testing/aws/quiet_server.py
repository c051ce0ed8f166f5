"""An HTTP server for emulators: a thread a connection, and no word about clients that go away."""

from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """ThreadingHTTPServer whose threads end with the process."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that was killed, or a client that closed its connection, is what tests do."""
