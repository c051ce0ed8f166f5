"""The connection: kept while it can be trusted, opened anew when it cannot, and bounded in every wait."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from burgee.adapters.aws.http_connection import IDLE_SECONDS, HttpConnection, Origin, Timeouts, read_origin
from burgee.testing.aws.stub_service import Asked, Reply, StubService, stub_service


def reply(asked: Asked) -> Reply:
    return 200, {"ETag": '"x"'}, asked.path.encode() + asked.body


@pytest.fixture
def service() -> Iterator[StubService]:
    with stub_service(reply) as running:
        yield running


class Clocks:
    def __init__(self) -> None:
        self.monotonic_shift = self.wall_shift = 0.0

    def connection(self, url: str, *, read: float = 1.0) -> HttpConnection:
        return HttpConnection(
            read_origin(url),
            timeouts=Timeouts(connect=0.5, read=read),
            monotonic=lambda: time.monotonic() + self.monotonic_shift,
            wall=lambda: time.time() + self.wall_shift,
        )

    def soon(self, seconds: float = 2.0) -> float:
        return time.monotonic() + self.monotonic_shift + seconds


def test_requests_share_a_connection(service: StubService) -> None:
    clocks = Clocks()
    connection = clocks.connection(service.url)
    for number in range(3):
        answer = connection.request("PUT", f"/{number}", {"host": "h"}, b"body", deadline=clocks.soon())
        assert (answer.status, answer.headers["etag"], answer.body) == (200, '"x"', b"/%dbody" % number)
    assert service.connections == 1


@pytest.mark.parametrize(
    ("monotonic", "wall", "connections"),
    [
        (IDLE_SECONDS - 1, IDLE_SECONDS - 1, 1),
        (IDLE_SECONDS + 1, IDLE_SECONDS + 1, 2),
        (0, 300, 2),
        (0, -300, 2),
    ],
    ids=["rested a little", "rested for long", "was frozen", "has another clock"],
)
def test_a_connection_that_rested_for_long_is_not_used(
    service: StubService, monotonic: float, wall: float, connections: int
) -> None:
    clocks = Clocks()
    connection = clocks.connection(service.url)
    connection.request("GET", "/", {"host": "h"}, b"", deadline=clocks.soon())
    clocks.monotonic_shift, clocks.wall_shift = monotonic, wall
    connection.request("GET", "/", {"host": "h"}, b"", deadline=clocks.soon())
    assert service.connections == connections


@contextmanager
def scripted(*steps: Callable[[socket.socket], None]) -> Iterator[str]:
    """Somebody who takes one connection a step and does with it what the step says."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for step in steps:
            connected, _ = listening.accept()
            with connected:
                step(connected)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        thread.join(timeout=5)


def says(answer: bytes, *, then_waits: bool = False) -> Callable[[socket.socket], None]:
    def step(connected: socket.socket) -> None:
        connected.recv(65_536)
        connected.sendall(answer)
        if then_waits:
            connected.settimeout(5)
            try:
                connected.recv(1)
            except OSError:
                return

    return step


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(url: str, *, seconds: float = 2.0, read: float = 1.0) -> bytes:
    clocks = Clocks()
    connection = clocks.connection(url, read=read)
    return connection.request("GET", "/", {"host": "h"}, b"", deadline=clocks.soon(seconds)).body


def test_a_connection_that_the_other_side_closed_is_opened_again() -> None:
    with scripted(says(OK), says(OK)) as url:
        clocks = Clocks()
        connection = clocks.connection(url)
        for _ in range(2):
            answer = connection.request("GET", "/", {"host": "h"}, b"", deadline=clocks.soon())
            assert answer.body == b"ok"
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (
            b"HTTP/1.1 400 B\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nt:\r\n\r\n",
            b"abcde",
        ),
    ],
    ids=["length", "interim", "until closed", "not modified", "no content", "chunked"],
)
def test_every_form_of_a_body_is_read(answer: bytes, body: bytes) -> None:
    with scripted(says(answer)) as url:
        assert get(url) == body


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nX: y",
        b"",
    ],
    ids=["no http", "no status", "no number", "negative", "huge", "short", "chunk", "head", "cut", "nothing"],
)
def test_an_answer_that_is_none_is_an_error_and_no_more(answer: bytes) -> None:
    with scripted(says(answer)) as url, pytest.raises(OSError):
        get(url)


def test_nobody_there_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(OSError):
        get(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(("seconds", "read"), [(0.2, 1.0), (5.0, 0.2)], ids=["deadline", "read timeout"])
def test_a_black_hole_holds_for_no_longer_than_allowed(seconds: float, read: float) -> None:
    with scripted(says(b"", then_waits=True)) as url:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            get(url, seconds=seconds, read=read)
        assert 0.15 < time.monotonic() - began < 1.0


def test_an_answer_that_drips_is_bounded_by_the_deadline() -> None:
    def drips(connected: socket.socket) -> None:
        connected.recv(65_536)
        try:
            for _ in range(100):
                connected.sendall(b"H")
                time.sleep(0.05)
        except OSError:
            return

    with scripted(drips) as url:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            get(url, seconds=0.4)
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://127.0.0.1:4566", Origin(False, "127.0.0.1", 4566), "127.0.0.1:4566"),
        ("https://s3.amazonaws.com", Origin(True, "s3.amazonaws.com", 443), "s3.amazonaws.com"),
        ("HTTPS://host:8443/base/", Origin(True, "host", 8443, "/base"), "host:8443"),
        ("http://[::1]:80/x", Origin(False, "::1", 80, "/x"), "[::1]"),
        ("http://[fd00::23]", Origin(False, "fd00::23", 80), "[fd00::23]"),
    ],
)
def test_endpoints_are_read(url: str, origin: Origin, authority: str) -> None:
    assert read_origin(url) == origin
    assert read_origin(url).authority == authority


@pytest.mark.parametrize("url", ["ftp://x", "host:80", "", "http://", "http://user@host", "http://h:port"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        read_origin(url)
