"""A proxy before DynamoDB: it loses answers to calls that were carried out, throttles, or says nothing."""

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_THROTTLED = (
    b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "no"}'
)


class LossyProxy:
    """Passes calls to `target` on; what it loses is counted in `lost`."""

    def __init__(self, target: str, *, seed: int = 1) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._chance, self._share = random.Random(seed), 0.0  # noqa: S311
        self._lock = threading.Lock()
        self._next: tuple[str, Callable[[], object]] | None = None
        self._after = 0
        self.url = ""
        self.lost = 0
        self.throttle = False
        self.hears: Callable[[str], object] = lambda _: None
        self._speaks = threading.Event()
        self._speaks.set()

    @classmethod
    @contextmanager
    def in_front_of(cls, target: str) -> Iterator["LossyProxy"]:
        """A proxy that listens as long as the `with` lasts."""
        proxy = cls(target)

        class Handler(_Handler):
            owner = proxy

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
            try:
                yield proxy
            finally:
                proxy.fall_silent(is_silent=False)
                server.shutdown()
                thread.join()

    def fall_silent(self, *, is_silent: bool = True) -> None:
        """Answer nobody from now on, and carry nothing out; or no longer."""
        if is_silent:
            self._speaks.clear()
        else:
            self._speaks.set()

    def lose(self, share: float) -> None:
        """Lose that share of all answers from now on."""
        self._share = share

    def lose_next(self, operation: str, *, then: Callable[[], object] = lambda: None, after: int = 0) -> None:
        """Lose the answer to the next call of `operation`, the `after`-th from now, and do `then` first."""
        self._next, self._after = (operation, then), after

    def answer(self, operation: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str] | None:
        """The answer of the target, None where it is lost."""
        self.hears(operation)
        if not self._speaks.is_set():
            self._speaks.wait()
            return None
        if self.throttle:
            return 400, _THROTTLED, "application/x-amz-json-1.0"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if self._loses(operation):
            return None
        return response.status, content, response.getheader("content-type", "")

    def _loses(self, operation: str) -> bool:
        with self._lock:
            wanted, then = self._next or ("", None)
            if operation == wanted:
                self._after -= 1
                if self._after < 0:
                    self._next = None
                    self.lost += 1
                    assert then is not None
                    then()
                    return True
            if self._chance.random() < self._share:
                self.lost += 1
                return True
            return False


class _Handler(BaseHTTPRequestHandler):
    owner: LossyProxy
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection", "content-length", "expect")
        }
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        answer = self.owner.answer(operation, kept, body)
        if answer is None:
            self.close_connection = True
            return
        status, content, media_type = answer
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests print what matters."""
