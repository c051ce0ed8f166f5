"""A webhook receiver on 127.0.0.1: a real socket that answers as it is told, and remembers."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec


class Received(msgspec.Struct, frozen=True):
    """One request; the names of the headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What arrived, in order. The next answers are those in `statuses`, then `status`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.received: list[Received] = []
        self.status = 204
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.answer = b""
        self.connections = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever sends was killed: nothing has arrived
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_request(self, *_: object) -> None:
                """What arrives is remembered, not printed."""

        class Server(http.server.ThreadingHTTPServer):
            def process_request(self, request: object, client_address: object) -> None:
                receiver.connections += 1
                super().process_request(request, client_address)  # type: ignore[arg-type]

            def handle_error(self, *_: object) -> None:
                """Whoever sent is gone before the answer: tests kill them on purpose."""

        self.server = Server((host, 0), Handler)
        self.port = int(self.server.server_address[1])
        self.url = f"http://{host}:{self.port}/hooks?of=burgee"

    @property
    def ids(self) -> list[str]:
        """The id of each message, in the order of arrival."""
        return [each.headers["webhook-id"] for each in self.received]

    @property
    def sequences(self) -> list[int]:
        """The sequence of each event, in the order of arrival."""
        return [int(msgspec.json.decode(each.body)["sequence"]) for each in self.received]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the length of a `with`."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
