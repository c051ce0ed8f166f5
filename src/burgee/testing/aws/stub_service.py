"""A service of AWS in a thread, as far as a test says what it answers; every request is counted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str], bytes]


class StubService:
    """What was asked, and where. `reply` may be replaced at any time."""

    def __init__(self, reply: Callable[[Asked], Reply]) -> None:
        self.reply = reply
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""

    def reset(self) -> None:
        """Forget what was asked."""
        self.asked.clear()


class S3Stub:
    """Objects with tags, with S3's conditions; a `reply` of a StubService."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self._writes = 0

    def put(self, path: str, content: bytes) -> str:
        """Put an object, as somebody else would; its tag."""
        self._writes += 1
        tag = f'"tag-{self._writes}"'
        self.objects[path] = (content, tag)
        return tag

    def __call__(self, asked: Asked) -> Reply:
        content, tag = self.objects.get(asked.path, (b"", ""))
        wanted, unwanted = asked.headers.get("if-match"), asked.headers.get("if-none-match")
        if asked.method == "PUT":
            if (wanted is not None and wanted != tag) or (unwanted == "*" and tag):
                return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
            return 200, {"ETag": self.put(asked.path, asked.body)}, b""
        if not tag:
            return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
        if unwanted == tag:
            return 304, {"ETag": tag}, b""
        return 200, {"ETag": tag}, content


@contextmanager
def stub_service(reply: Callable[[Asked], Reply]) -> Iterator[StubService]:
    """A service on a free port of this machine that answers as `reply` says."""
    service = StubService(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def setup(self) -> None:
            service.connections += 1
            super().setup()

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002
            """Nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            service.asked.append(asked)
            status, fields, content = service.reply(asked)
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            if "Content-Length" not in fields and "Transfer-Encoding" not in fields:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 304:
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
