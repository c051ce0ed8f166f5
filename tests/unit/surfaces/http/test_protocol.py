"""The protocol on the wire: what HTTP allows works over both paths, and everything has an end."""

import re
import socket
import struct
import time
from collections.abc import Iterator

import msgspec
import pytest

from burgee.bootstrap import open_application
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.counters import CONNECTIONS
from burgee.surfaces.http.edge import REMEMBERED_HEADS, Deadlines
from burgee.testing.flag_fixtures import publish_samples
from burgee.testing.listening import Listening, listening

SINGLE = b"/ofrep/v1/evaluate/flags/text"
BULK = b"/ofrep/v1/evaluate/flags"
BODY = b'{"context":{}}'
QUICK = Deadlines(head=0.4, body=0.8, idle=0.8, write=0.8, linger=0.4)


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with open_application(Settings(data=":memory:")) as services:
        publish_samples(services)
        yield services


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def inline(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(services: Services, inline: bool) -> Iterator[Listening]:
    with listening(services, inline=inline) as server:
        yield server


@pytest.fixture
def quick(services: Services, inline: bool) -> Iterator[Listening]:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, connections=4)
    with listening(services, inline=inline, deadlines=QUICK, limits=limits) as server:
        yield server


def request(path: bytes = SINGLE, body: bytes = BODY, *fields: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"POST " + path + b" HTTP/" + version, b"host: x", *fields, b"content-length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def statuses(received: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def sized(path: bytes, size: int, *, chunked: bool) -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    if not chunked:
        return head + b"content-length: %d\r\n\r\n" % size + b"x" * size
    parts = [b"x" * min(60_000, size - start) for start in range(0, size, 60_000)]
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(part), part) for part in parts])
    return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


CLOSE = b"connection: close"


# -- what HTTP allows


@pytest.mark.parametrize("path", [SINGLE, BULK, BULK + b"/", b"/echo"])
def test_requests_in_a_pipeline_are_answered_in_order(server: Listening, path: bytes) -> None:
    unknown = request(BULK + b"/none")
    data = request(path) + unknown + request(b"/echo") + request(path) + unknown + request(path, BODY, CLOSE)
    assert statuses(server.exchange(data)) == [200, 404, 200, 200, 404, 200]


def test_a_request_may_arrive_in_any_pieces(server: Listening) -> None:
    data = request(SINGLE, BODY, b"x-filler: " + b"y" * 50) + request(SINGLE, BODY, CLOSE)
    for size in (1, 7, 64):
        with server.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(data), size):
                connection.sendall(data[start : start + size])
            received = b""
            while part := connection.recv(65536):
                received += part
        assert statuses(received) == [200, 200]
        assert received.count(b'"value":"yes"') == 2


def test_a_body_may_come_in_chunks(server: Listening) -> None:
    head = (
        b"POST " + SINGLE + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunks = b"".join([b"1\r\n" + bytes([byte]) + b"\r\n" for byte in BODY])
    received = server.exchange(head + chunks + b"0\r\n\r\n")
    assert statuses(received) == [200]
    assert b'"value":"yes"' in received


@pytest.mark.parametrize("path", [SINGLE, BULK, b"/echo"])
def test_a_client_that_asks_first_is_told_to_go_on(server: Listening, path: bytes) -> None:
    head, _, body = request(path, BODY, b"expect: 100-continue", CLOSE).partition(b"\r\n\r\n")
    with server.connect() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        received = b""
        while part := connection.recv(65536):
            received += part
    assert statuses(received) == [200]


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"connection: keep-alive"], True),
        (b"1.1", [CLOSE], False),
        (b"1.0", [], False),
        (b"1.0", [b"connection: keep-alive"], False),
    ],
)
@pytest.mark.parametrize("path", [SINGLE, BULK, BULK + b"/none"])
def test_a_connection_is_kept_exactly_as_long_as_was_agreed(
    server: Listening, path: bytes, version: bytes, fields: list[bytes], kept: bool
) -> None:
    with server.connect(0.3) as connection:
        connection.sendall(request(path, BODY, *fields, version=version))
        time.sleep(0.1)
        received = connection.recv(65536)
        assert (b"connection: close" in received) is not kept
        if kept:
            connection.sendall(request(path, BODY))
            assert connection.recv(65536)
        else:
            assert connection.recv(10) == b""


def test_a_head_request_gets_no_body(server: Listening) -> None:
    received = server.exchange(b"HEAD /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert received.endswith(b"\r\n\r\n")
    assert statuses(received) == [200]


def test_every_answer_says_when_it_was_made(server: Listening) -> None:
    for path in (SINGLE, BULK, BULK + b"/none", b"/echo", b"/" + b"x" * 5000):
        received = server.exchange(request(path, BODY, CLOSE))
        assert (
            len(re.findall(rb"\r\ndate: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT\r\n", received)) == 1
        )


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST " + SINGLE + b" HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST " + SINGLE + b" HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"POST " + SINGLE + b" HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST " + SINGLE + b" HTTP/1.1\r\nbad header: 2\r\n\r\n",
        b"POST " + SINGLE + b" HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_http_is_refused_once_and_closed(server: Listening, data: bytes) -> None:
    assert statuses(server.exchange(data)) == [400]


def test_a_header_sent_twice_takes_the_long_way_and_is_answered(server: Listening) -> None:
    data = request(SINGLE, BODY, b"x-a: 1", b"x-a: 2", CLOSE)
    assert statuses(server.exchange(data)) == [200]


OFFER = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQAoAAAAAIAAAAA")


@pytest.mark.parametrize("path", [SINGLE, BULK, b"/echo"])
def test_an_offer_to_upgrade_is_passed_over_and_the_body_is_read(server: Listening, path: bytes) -> None:
    data = request(path, BODY, *OFFER) + request(path) + request(path, BODY, CLOSE)
    plain = server.exchange(request(path, BODY) * 2 + request(path, BODY, CLOSE))
    for size in (len(data), 1, 50):
        received = pieces(server, data, size)
        assert statuses(received) == [200] * 3
        assert received.count(b"\r\n\r\n") == plain.count(b"\r\n\r\n")
        assert re.findall(rb"\{.*?\}", received) == re.findall(rb"\{.*?\}", plain)


def pieces(server: Listening, data: bytes, size: int) -> bytes:
    """All that comes for `data`, sent in pieces of so many bytes."""
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT x:80 HTTP/1.1",
        b"GET http://x HTTP/1.1",
        b"GET http://[::1/foo HTTP/1.1",
        b"GET http://x:999999/foo HTTP/1.1",
        b"GET /\xc3\xa4 HTTP/1.1",
    ],
)
def test_a_target_that_cannot_be_read_is_refused_after_what_came_before(
    server: Listening, line: bytes
) -> None:
    assert statuses(server.exchange(line + b"\r\nhost: x\r\n\r\n")) == [400]
    assert statuses(server.exchange(request(b"/echo") + line + b"\r\nhost: x\r\n\r\n")) == [200, 400]


def chunked(path: bytes, *fields: bytes, trailers: bytes) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"host: x", b"transfer-encoding: chunked", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, trailers)


@pytest.mark.parametrize("path", [SINGLE, BULK, b"/headers"])
def test_trailers_are_no_headers(server: Listening, path: bytes) -> None:
    trailers = b"flagd-selector: flagSetId=none\r\nauthorization: Bearer x\r\nif-none-match: *\r\n"
    assert server.exchange(chunked(path, CLOSE, trailers=trailers)) == server.exchange(
        chunked(path, CLOSE, trailers=b"")
    )


@pytest.mark.parametrize("path", [SINGLE, b"/echo"])
@pytest.mark.parametrize("field", [b"a%d: b\r\n", b"y" * 60_000])
def test_trailers_without_end_are_refused_before_they_fill_the_memory(
    server: Listening, path: bytes, field: bytes
) -> None:
    flood = b"".join([field % n if b"%" in field else field for n in range(2_000_000 // len(field))])
    received = server.exchange(chunked(path, trailers=b"x: " + flood))
    assert statuses(received) == [431]


@pytest.mark.parametrize("fields", [(b"host: y",), (b"content-length: " + b"0" * 19 + b"14",)])
def test_a_request_that_two_servers_could_take_differently_is_refused(
    server: Listening, fields: tuple[bytes, ...]
) -> None:
    data = request(b"/echo", BODY, *fields)
    if b"content-length" in fields[0]:
        data = data.replace(b"content-length: 14\r\n", b"")
    assert statuses(server.exchange(data)) == [400]


def test_a_query_of_very_many_fields_is_refused_each_time(server: Listening) -> None:
    for path in (BULK + b"?" + b"&a" * 120, BULK + b"?%41" + b"&a" * 120):
        assert [statuses(answer) for answer in together(server, *[request(path)] * 3)] == [[400]] * 3


# -- caps, just below, at and just above


@pytest.mark.parametrize(("over", "status"), [(-1, 404), (0, 404), (1, 414)])
def test_the_length_of_an_address_is_bounded(server: Listening, over: int, status: int) -> None:
    path = b"/".ljust(DEFAULT_LIMITS.url_bytes + over, b"x")
    assert statuses(server.exchange(request(path, BODY, CLOSE))) == [status]


@pytest.mark.parametrize("path", [SINGLE, b"/echo"])
@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 431)])
def test_the_number_of_header_fields_is_bounded(
    server: Listening, path: bytes, over: int, status: int
) -> None:
    others = 3  # host, content-length, connection
    fields = [b"x-%d: y" % number for number in range(DEFAULT_LIMITS.header_fields - others + over)]
    assert statuses(server.exchange(request(path, BODY, CLOSE, *fields))) == [status]


@pytest.mark.parametrize("path", [SINGLE, b"/echo"])
@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 431)])
def test_the_length_of_the_header_is_bounded(server: Listening, path: bytes, over: int, status: int) -> None:
    fields = (b"host: x\r\n", b"connection: close\r\n", b"content-length: 14\r\n", b"x-a: \r\n")
    filler = DEFAULT_LIMITS.header_bytes - sum(map(len, fields)) + over
    assert statuses(server.exchange(request(path, BODY, CLOSE, b"x-a: " + b"y" * filler))) == [status]


def test_a_header_that_never_ends_is_refused_before_it_fills_the_memory(server: Listening) -> None:
    received = server.exchange(b"GET / HTTP/1.1\r\nx-a: " + b"y" * 100_000)
    assert statuses(received) == [431]
    received = server.exchange(b"GET /" + b"y" * 100_000)
    assert statuses(received) == [414]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "limit"),
    [(b"/echo", DEFAULT_LIMITS.body_bytes), (b"/api/v1/import?x=1", DEFAULT_LIMITS.import_bytes)],
)
@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_the_length_of_a_body_is_bounded(
    server: Listening, path: bytes, limit: int, over: int, status: int, chunked: bool
) -> None:
    assert statuses(server.exchange(sized(path, limit + over, chunked=chunked))) == [status]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("over", "status"), [(0, 400), (1, 413)])
def test_the_length_of_an_evaluation_request_is_bounded(
    server: Listening, over: int, status: int, chunked: bool
) -> None:
    data = sized(SINGLE, DEFAULT_LIMITS.body_bytes + over, chunked=chunked)
    assert statuses(server.exchange(data)) == [status]


def test_a_body_announced_too_long_is_refused_before_it_is_sent(server: Listening) -> None:
    for path in (SINGLE, b"/echo"):
        head = b"POST " + path + b" HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 100000000\r\n\r\n"
        assert statuses(server.exchange(head)) == [413]


@pytest.mark.parametrize(
    ("second", "status"),
    [
        (sized(b"/echo", DEFAULT_LIMITS.body_bytes + 1, chunked=False), 413),
        (sized(b"/echo", DEFAULT_LIMITS.body_bytes + 1, chunked=True), 413),
        (sized(SINGLE, DEFAULT_LIMITS.body_bytes + 1, chunked=True), 413),
        (request(b"/" + b"x" * 5000), 414),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_a_refusal_waits_for_the_end_of_the_answer_before_it(
    server: Listening, second: bytes, status: int
) -> None:
    for data in (request(b"/slow-end") + second, request(b"/slow-end") * 2 + second):
        received = server.exchange(data)
        assert statuses(received) == [200] * data.count(b"/slow-end") + [status]
        assert received.count(b"all of it") == data.count(b"/slow-end")


def test_a_request_that_was_answered_early_gets_no_second_answer(server: Listening) -> None:
    with server.connect() as connection:
        head, _, body = sized(b"/early", DEFAULT_LIMITS.body_bytes + 1, chunked=True).partition(b"\r\n\r\n")
        connection.sendall(head.replace(CLOSE, b"x-a: b") + b"\r\n\r\n")
        received = connection.recv(65536)
        connection.sendall(body)
        while part := connection.recv(65536):
            received += part
    assert statuses(received) == [200]


def test_one_connection_too_many_is_told_to_come_back(quick: Listening) -> None:
    held = [quick.connect() for _ in range(4)]
    for connection in held:
        connection.sendall(request())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    received = quick.exchange(request())
    assert statuses(received) == [503]
    assert b"retry-after: 5\r\n" in received
    for connection in held:
        connection.close()
    deadline = time.monotonic() + 5
    while quick.counters.cells[CONNECTIONS] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert statuses(quick.exchange(request(SINGLE, BODY, CLOSE))) == [200]


# -- deadlines


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST ",
        b"POST " + SINGLE + b" HTTP/1.1\r\nhost: x\r\n",
        b"POST " + SINGLE + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n",
        b"POST " + SINGLE + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n{",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n{",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
    ],
)
def test_a_request_that_does_not_arrive_in_time_is_ended(quick: Listening, start: bytes) -> None:
    longest = 0.0
    for _ in range(
        3
    ):  # a machine that holds the server's thread up makes its clock run behind, and ends us early
        began = time.monotonic()
        assert statuses(quick.exchange(start)) == [408]
        longest = max(longest, time.monotonic() - began)
        if longest > 0.3:
            break
    assert longest > 0.3


def test_a_client_that_drips_gains_nothing_by_it(quick: Listening) -> None:
    with quick.connect() as connection:
        received = b""
        connection.settimeout(0.05)
        connection.sendall(b"GET / HTTP/1.1\r\nx-a: ")
        for _ in range(200):
            try:
                connection.sendall(b"x")
                received += connection.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
        assert statuses(received) == [408]


def test_an_idle_connection_is_closed_without_a_word(quick: Listening) -> None:
    with quick.connect() as connection:
        connection.sendall(request())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert connection.recv(4096) == b""


def test_a_client_that_does_not_read_is_cut_off(quick: Listening, inline: bool) -> None:
    with quick.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        # The kernel's buffers fill first, then one write stall passes. Where the reset falls outside of the
        # window that this client has left, its own kernel drops it: the server's side is the one to ask.
        deadline = time.monotonic() + 30
        cut_off = False
        while not cut_off and time.monotonic() < deadline:
            try:
                connection.send(request(BULK) * 50)
            except TimeoutError:
                cut_off = quick.counters.cells[CONNECTIONS] == 0
            except OSError:
                cut_off = True
        assert cut_off


# -- heads known by heart


def together(server: Listening, *requests: bytes) -> list[bytes]:
    """The answers to requests sent one after the other on one connection, each in one piece."""
    answers = []
    with server.connect() as connection:
        for data in requests:
            connection.sendall(data)
            answers.append(received(connection, data.count(b"POST ")))
    return answers


def received(connection: socket.socket, count: int) -> bytes:
    """What comes until there are so many answers; each comes in one piece."""
    data = b""
    while len(statuses(data)) < count:
        part = connection.recv(65536)
        assert part, "closed"
        data += part
    return data


@pytest.mark.parametrize("path", [SINGLE, BULK, BULK + b"/none", SINGLE + b"?x=1", b"/ofrep/v1/nothing"])
def test_a_head_that_was_seen_before_is_answered_as_at_first(server: Listening, path: bytes) -> None:
    wrong = request(path, b'{"context":[]}')
    first, *others = together(server, *[request(path)] * 3, wrong, request(path), wrong)
    assert [others[0], others[1], others[3]] == [first] * 3
    assert others[2] == others[4]
    assert statuses(others[2])[0] in {400, 404}


@pytest.mark.parametrize(
    "data",
    [
        request() + request(),
        request()[:-3],
        request(SINGLE, BODY, CLOSE),
        request(SINGLE, BODY, b"expect: 100-continue"),
        request().replace(b"content-length: 14", b"transfer-encoding: chunked"),
    ],
)
def test_only_one_whole_request_in_one_piece_is_remembered(server: Listening, data: bytes) -> None:
    server.exchange(data, timeout=0.3)
    assert not server.listener.edge.requests


def test_more_or_less_than_the_remembered_length_goes_through_the_parser(server: Listening) -> None:
    whole = request()
    answers = together(server, whole, whole + whole)
    assert statuses(answers[1]) == [200, 200]
    with server.connect() as connection:
        for data in (whole, whole[:-5], whole[-5:]):
            connection.sendall(data)
            time.sleep(0.05)
        assert statuses(received(connection, 2)) == [200, 200]


def test_heads_that_never_come_again_do_not_pile_up(server: Listening, inline: bool) -> None:
    edge = server.listener.edge
    requests = [request(SINGLE, BODY, b"traceparent: %d" % number) for number in range(REMEMBERED_HEADS + 9)]
    together(server, *requests)
    assert len(edge.requests) == 0
    assert together(server, *requests[:3])
    assert len(edge.requests) == 0, "nothing is learnt for a while"
    edge.learns_from = 0.0
    together(server, *requests[:2] * 2)
    assert len(edge.requests) == (2 if inline else 0)


def test_a_draining_server_closes_connections_whose_head_it_knows(server: Listening) -> None:
    with server.connect() as connection:
        connection.sendall(request())
        assert b"connection: close" not in connection.recv(4096)
        server.listener.edge.draining = True
        connection.sendall(request())
        assert b"connection: close" in connection.recv(4096)


def test_a_reset_connection_is_forgotten(server: Listening) -> None:
    for data in (b"", b"POST ", request(), request(b"/echo")[:-3], b"GET /ofrep/v1/sse HTTP/1.1\r\n\r\n"):
        connection = server.connect()
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    deadline = time.monotonic() + 5
    while (server.counters.cells[CONNECTIONS] or len(server.hub)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (server.counters.cells[CONNECTIONS], len(server.hub)) == (0, 0)
