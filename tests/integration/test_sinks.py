"""Sinks of a real server: kills, restarts, workers, a roll-over; every event at least once, in order."""

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from burgee.model.audit import AuditEvent, first_broken
from burgee.testing.receiver import Receiver, receiving
from burgee.testing.server import Server, running_server

FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
KILLS = int(os.environ.get("BURGEE_SINK_KILLS", "6"))


def settings(receiver: Receiver) -> dict[str, str]:
    return {
        "BURGEE_AUDIT_FILES": "true",
        "BURGEE_AUDIT_FILE_BYTES": "65536",
        "BURGEE_WEBHOOK_URL": receiver.url,
        "BURGEE_WEBHOOK_SECRETS": "a-secret-of-at-least-24-bytes",
        "BURGEE_WEBHOOK_ALLOW_PRIVATE": "true",
    }


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def write(server: Server, number: int, times: int = 5) -> None:
    with server.client(timeout=10) as client:
        for place in range(times):
            body = {**FLAG, "description": f"{number}.{place} " + "x" * 2_000}
            assert client.put("/api/v1/flags/a", json=body).status_code in {200, 201}


def head(server: Server) -> int:
    with server.client() as client:
        return int(client.get("/api/v1/audit", params={"limit": 1}).json()["items"][0]["sequence"])


def lines(folder: Path) -> list[AuditEvent]:
    files = sorted((folder / "audit").glob("*.ndjson"))
    return [msgspec.json.decode(line, type=AuditEvent) for f in files for line in f.read_bytes().splitlines()]


def is_complete(receiver: Receiver, last: int) -> bool:
    return set(receiver.sequences) >= set(range(1, last + 1))


def firsts(receiver: Receiver) -> list[int]:
    return list(dict.fromkeys(receiver.sequences))


def run_until_killed(server: Server, receiver: Receiver, dice: random.Random) -> None:
    """Kill the server while it delivers: at a moment of its own between two events, or at any time."""
    deadline = time.monotonic() + dice.choice((0.3, 3.0))
    target = len(receiver.received) + dice.randint(1, 6)
    while len(receiver.received) < target and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(dice.random() / 200)
    server.kill()


@pytest.mark.timeout(60 + 8 * KILLS)
def test_no_event_is_lost_or_overtaken_while_the_server_is_killed(tmp_path: Path) -> None:
    dice, refused = random.Random(28), 0
    with receiving() as receiver:
        for kill in range(KILLS):
            with running_server(tmp_path / "data", environment=settings(receiver)) as server:
                # Of this life alone: refusals that pile up would make the last pauses of it minutes long.
                receiver.statuses = [500] * (refusals := dice.randint(0, 1))
                write(server, kill)
                run_until_killed(server, receiver, dice)
                refused += refusals - len(receiver.statuses)
        receiver.statuses = []
        with running_server(tmp_path / "data", environment=settings(receiver)) as server:
            last = head(server)
            eventually(lambda: is_complete(receiver, last) and len(lines(tmp_path / "data")) >= last)
        assert firsts(receiver) == list(range(1, len(firsts(receiver)) + 1))
        by_id = {each.headers["webhook-id"]: each.body for each in receiver.received}
        assert len(by_id) == len(firsts(receiver))  # a repeated event has the id that it had
        assert {each.body for each in receiver.received} == set(by_id.values())
        repeated = len(receiver.received) - refused - len(by_id)
        print(f"kills={KILLS} events={len(by_id)} refused={refused} repeated={repeated} lost=0")
        assert repeated > 0 or KILLS < 25  # else no kill has met a delivery, and nothing is proved
    written = lines(tmp_path / "data")
    assert [event.sequence for event in written] == list(range(1, len(written) + 1))
    assert first_broken(written) is None
    assert len(list((tmp_path / "data" / "audit").glob("*.ndjson"))) >= (2 if KILLS >= 6 else 1)


@pytest.mark.timeout(120)
def test_of_several_workers_one_delivers_and_a_roll_over_hands_that_on(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        running_server(tmp_path / "data", workers=2, environment=settings(receiver)) as server,
    ):
        write(server, 0)
        before = {worker["pid"] for worker in server.ready()["workers"]}
        os.kill(server.pid, signal.SIGHUP)
        write(server, 1)
        eventually(lambda: not before & pids(server))
        write(server, 2)
        last = head(server)
        eventually(lambda: is_complete(receiver, last))
        assert firsts(receiver) == list(range(1, len(firsts(receiver)) + 1))
        eventually(lambda: [event.sequence for event in lines(tmp_path / "data")] == list(range(1, last + 1)))


def pids(server: Server) -> set[Any]:
    try:
        return {worker["pid"] for worker in server.ready()["workers"]}
    except httpx.HTTPError:
        return set()


@contextmanager
def silent_receiver() -> Iterator[int]:
    """A port whose connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield int(listening.getsockname()[1])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("receiver_is", ["down", "silent"])
def test_a_receiver_that_does_not_answer_delays_no_other_sink_and_no_call(
    tmp_path: Path, receiver_is: str
) -> None:
    with receiving() as receiver, silent_receiver() as silent:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            down = int(gone.getsockname()[1])
        port = {"down": down, "silent": silent}[receiver_is]
        environment = {**settings(receiver), "BURGEE_WEBHOOK_URL": f"http://127.0.0.1:{port}/"}
        with running_server(tmp_path / "data", environment=environment) as server:
            write(server, 0, times=1)
            time.sleep(1)  # the webhook has begun, and waits for up to five seconds
            started = time.monotonic()
            write(server, 1, times=10)
            last = head(server)
            eventually(lambda: len(lines(tmp_path / "data")) == last, seconds=3)
            assert time.monotonic() - started < 4
            assert server.stop() == 0


@pytest.mark.timeout(60)
def test_a_webhook_into_our_own_network_is_refused_unless_that_is_wanted(tmp_path: Path) -> None:
    with receiving() as receiver:
        refusing = {**settings(receiver), "BURGEE_WEBHOOK_ALLOW_PRIVATE": "false"}
        with (
            pytest.raises(RuntimeError, match="BURGEE_WEBHOOK_URL: the address is not a public one"),
            running_server(tmp_path / "data", environment=refusing),
        ):
            pass
        named = {**refusing, "BURGEE_WEBHOOK_URL": receiver.url.replace("127.0.0.1", "localhost")}
        with running_server(tmp_path / "named", environment=named) as server:
            write(server, 0)
            time.sleep(2)
        assert receiver.connections == 0
