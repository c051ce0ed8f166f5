"""Event streams: one event a change, the newest for who is behind, nothing for who is not."""

import re
import time
from collections.abc import Iterator

import msgspec
import pytest

from burgee.bootstrap import open_application
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.audience import Scope
from burgee.surfaces.http.counters import EVENTS, STREAMS, Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.streams import BEATS, HEARTBEAT, StreamHub
from burgee.testing.flag_fixtures import AUTHOR, publish_samples
from burgee.testing.listening import Listening, listening

ALL = Scope()


class FakeSink:
    """Takes what it is offered, unless it is stuck."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.stuck = False
        self.last: bytes | None = None

    def offer(self, data: bytes) -> bool:
        if not self.stuck:
            self.taken.append(data)
        return not self.stuck

    def end(self, last: bytes) -> None:
        self.last = last


@pytest.fixture
def services() -> Iterator[Services]:
    with open_application(Settings(data=":memory:")) as services:
        publish_samples(services)
        yield services


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def hub(services: Services, now: list[float]) -> StreamHub:
    counters = Counters(SharedCounters.create(1), 0)
    ofrep = Ofrep(services.live, services.access, counters, open_to_all=True, tally=services.usage.tally)
    limits = msgspec.structs.replace(DEFAULT_LIMITS, streams=3)
    return StreamHub(ofrep, counters, dice=lambda: 0.5, limits=limits, clock=lambda: now[0])


def change(services: Services, flag_set: str = "default", key: str = "text") -> None:
    flag = services.live.current.programs[flag_set].flags[key]
    services.publisher.patch_flag(flag_set, key, {"description": f"after {flag.version}"}, author=AUTHOR)


def event_id(data: bytes) -> str:
    found = re.search(rb"^id: (.*)$", data, re.MULTILINE)
    assert found is not None
    return found[1].decode()


def test_a_new_stream_learns_how_to_retry_and_where_it_is(hub: StreamHub) -> None:
    first = hub.join(FakeSink(), ALL)
    assert first.startswith(b"retry: 5500\n\nid: ")
    assert b"data:" not in first


def test_a_change_is_one_event_in_the_form_of_the_protocol(hub: StreamHub, services: Services) -> None:
    sink = FakeSink()
    start = hub.join(sink, ALL)
    change(services)
    hub.publish()
    assert len(sink.taken) == 1
    lines = sink.taken[0].decode().split("\n")
    assert lines[0].startswith("id: ")
    assert lines[1] == "event: message"
    data = msgspec.json.decode(lines[2].removeprefix("data: "))
    assert data == {"type": "refetchEvaluation", "etag": hub._ofrep.mark(ALL)[1]}
    assert lines[3:] == ["", ""]
    before, after = (int(event_id(each).split("-")[0]) for each in (start, sink.taken[0]))
    assert after == before + 1


def test_nothing_is_said_where_nothing_of_the_selection_changed(hub: StreamHub, services: Services) -> None:
    shop, everything = FakeSink(), FakeSink()
    hub.join(shop, Scope("flagSetId=shop"))
    hub.join(everything, ALL)
    change(services)
    hub.publish()
    hub.publish()
    assert (len(shop.taken), len(everything.taken)) == (0, 1)
    change(services, "shop", "boolean")
    hub.publish()
    assert (len(shop.taken), len(everything.taken)) == (1, 2)


def test_all_streams_of_a_scope_get_the_same_bytes(hub: StreamHub, services: Services) -> None:
    sinks = [FakeSink(), FakeSink(), FakeSink()]
    for sink in sinks:
        hub.join(sink, ALL)
    change(services)
    hub.publish()
    assert sinks[0].taken[0] is sinks[1].taken[0] is sinks[2].taken[0]
    assert hub._counters.cells[EVENTS] == 3


def test_a_stream_that_resumes_is_told_only_of_what_it_missed(hub: StreamHub, services: Services) -> None:
    known = event_id(hub.join(FakeSink(), ALL))
    assert b"data:" not in hub.join(FakeSink(), ALL, known)
    change(services)
    hub.publish()
    first = hub.join(FakeSink(), ALL, known)
    assert first.count(b"data:") == 1
    assert event_id(first) != known


@pytest.mark.parametrize(("age", "told"), [(59.0, True), (60.0, False), (61.0, False)])
def test_a_stream_opened_soon_after_a_change_is_told_of_it(
    hub: StreamHub, services: Services, now: list[float], age: float, told: bool
) -> None:
    hub.join(FakeSink(), ALL)
    change(services)
    hub.publish()
    now[0] += age
    assert (b"data:" in hub.join(FakeSink(), ALL)) is told


def test_a_stuck_stream_gets_one_event_for_all_that_it_missed(hub: StreamHub, services: Services) -> None:
    stuck, free = FakeSink(), FakeSink()
    hub.join(stuck, ALL)
    hub.join(free, ALL)
    stuck.stuck = True
    for _ in range(10):
        change(services)
        hub.publish()
    assert (len(stuck.taken), len(free.taken)) == (0, 10)
    stuck.stuck = False
    hub.caught_up(stuck)
    hub.caught_up(stuck)
    assert stuck.taken == free.taken[-1:]


def test_a_stream_that_was_not_behind_gets_nothing_when_it_can_take_more(hub: StreamHub) -> None:
    sink = FakeSink()
    hub.join(sink, ALL)
    hub.caught_up(sink)
    hub.caught_up(FakeSink())
    assert sink.taken == []


def test_each_stream_beats_once_in_thirty_seconds(hub: StreamHub) -> None:
    sinks = [FakeSink(), FakeSink(), FakeSink()]
    for sink in sinks:
        hub.join(sink, ALL)
    for _ in range(BEATS):
        hub.tick()
    assert [sink.taken for sink in sinks] == [[HEARTBEAT]] * 3


def test_the_number_of_streams_is_bounded(hub: StreamHub) -> None:
    sinks = [FakeSink() for _ in range(3)]
    for sink in sinks:
        assert not hub.full()
        hub.join(sink, ALL)
    assert hub.full()
    assert hub.retry_after() == 6
    hub.leave(sinks[0])
    hub.leave(sinks[0])
    assert not hub.full()
    assert hub._counters.cells[STREAMS] == 2


def test_draining_tells_every_client_when_to_come_back(hub: StreamHub) -> None:
    sinks = [FakeSink(), FakeSink()]
    for sink in sinks:
        hub.join(sink, ALL)
    hub.drain()
    assert [sink.last for sink in sinks] == [b"retry: 5500\n\n"] * 2
    assert len(hub) == 0
    assert hub.full()


# -- on the wire


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def server(services: Services, request: pytest.FixtureRequest) -> Iterator[Listening]:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, streams=3)
    with listening(services, inline=bool(request.param), limits=limits) as server:
        yield server


def read_until(connection: "object", mark: bytes) -> bytes:
    received = b""
    while mark not in received:
        part = connection.recv(65536)  # type: ignore[attr-defined]
        assert part, received
        received += part
    return received


def test_a_publish_reaches_an_open_stream(server: Listening, services: Services) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n")
        start = read_until(connection, b"\nid: ")
        assert b"HTTP/1.1 200" in start
        assert b"content-type: text/event-stream" in start
        change(services)
        assert b'"refetchEvaluation"' in read_until(connection, b'"etag"')


def test_a_stream_of_a_selector_hears_only_of_that(server: Listening, services: Services) -> None:
    with server.connect(0.5) as connection:
        connection.sendall(b"GET /ofrep/v1/sse/flagSetId%3Dshop HTTP/1.1\r\nhost: x\r\n\r\n")
        read_until(connection, b"\nid: ")
        change(services)
        with pytest.raises(TimeoutError):
            read_until(connection, b"data:")
        change(services, "shop", "boolean")
        read_until(connection, b"data:")


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"/ofrep/v1/sse/colour=red", 400), (b"/ofrep/v1/sse/source%3D%FF", 400), (b"/ofrep/v1/ssex", 404)],
)
def test_a_stream_of_nothing_is_refused(server: Listening, path: bytes, status: int) -> None:
    received = server.exchange(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 2)
    assert received.startswith(b"HTTP/1.1 %d" % status)


def test_one_stream_too_many_is_told_to_come_back_later(server: Listening) -> None:
    held = [server.connect() for _ in range(3)]
    for connection in held:
        connection.sendall(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n")
        read_until(connection, b"\nid: ")
    received = server.exchange(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 2)
    assert received.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 6" in received
    for connection in held:
        connection.close()
    deadline = time.monotonic() + 5
    while len(server.hub) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(server.hub) == 0


def test_draining_ends_the_streams_with_a_retry(server: Listening) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n")
        read_until(connection, b"\nid: ")
        server.call(server.hub.drain)
        rest = read_until(connection, b"retry: ")
        while part := connection.recv(1000):
            rest += part
        assert b"retry: 5500\n\n" in rest


def test_stuck_readers_cost_no_memory(server: Listening, services: Services) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n")
        read_until(connection, b"\nid: ")
        for _ in range(300):
            change(services)
        time.sleep(0.2)
        waiting = [each.transport.get_write_buffer_size() for each in server.listener._state.connections]
        assert max(waiting) < 64 * 1024
