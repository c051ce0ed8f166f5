"""Stopping and rolling: nothing in flight fails, and a thousand streams do not hold the door."""

import http.client
import os
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from burgee.testing.server import Server, running_server

FLAG = {"variants": {"on": True}, "defaultVariant": "on"}
ROLLS = 20
STREAMS = 1_000


class Load(threading.Thread):
    """One client that evaluates without pause, over connections that live as long as the server lets them."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.address = urlsplit(server.url).netloc
        self.stop = stop
        self.answered = 0
        self.failed: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        while not self.stop.is_set():
            try:
                connection.request("POST", "/ofrep/v1/evaluate/flags/shared", body=b'{"context":{}}')
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200 or b'"value":true' not in body:
                    self.failed.append(f"{answer.status} {body!r}")
                self.answered += 1
                if answer.will_close:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
        connection.close()


@pytest.mark.torture
@pytest.mark.timeout(240)
def test_twenty_rolling_restarts_under_load_fail_no_request(tmp_path: Path) -> None:
    stop = threading.Event()
    with running_server(tmp_path / "data", workers=2) as server:
        with server.client() as client:
            assert client.put("/api/v1/flags/shared", json=FLAG).status_code == 201
        time.sleep(0.2)
        clients = [Load(server, stop) for _ in range(4)]
        for each in clients:
            each.start()
        seen = {worker["pid"] for worker in server.ready()["workers"]}
        for _ in range(ROLLS):
            before = {int(worker["pid"]) for worker in server.ready()["workers"]}
            os.kill(server.pid, signal.SIGHUP)
            deadline = time.monotonic() + 30
            while len(now := current(server)) != 2 or now & before:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            seen |= before | now
            with server.client(timeout=10) as client:
                assert client.patch("/api/v1/flags/shared", json={"tags": ["rolled"]}).status_code == 200
        stop.set()
        for each in clients:
            each.join(15)
    assert [failure for each in clients for failure in each.failed] == []
    assert len(seen) == 2 * (ROLLS + 1)
    assert min(each.answered for each in clients) > ROLLS


def current(server: Server) -> set[int]:
    """The workers that live now; nothing while the one that answers is on its way out."""
    try:
        return {int(worker["pid"]) for worker in server.ready()["workers"]}
    except httpx.HTTPError:
        return set()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_with_a_thousand_streams_ends_in_five_seconds(tmp_path: Path, workers: int) -> None:
    with running_server(tmp_path / "data", workers=workers) as server:
        streams = [open_stream(server) for _ in range(STREAMS)]
        starts = [stream.recv(65536) for stream in streams]
        assert all(start.startswith(b"HTTP/1.1 200") for start in starts)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        ended = 0
        for stream, received in zip(streams, starts, strict=True):
            while part := stream.recv(65536):
                received += part
            ended += received.count(b"retry: ") == 2
            stream.close()
        assert ended == STREAMS, "each stream ends in order, with a time to come back"


def open_stream(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    stream = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    stream.sendall(b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n")
    return stream


@pytest.mark.timeout(60)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_in_flight_is_answered_after_the_signal(tmp_path: Path, workers: int) -> None:
    with running_server(tmp_path / "data", workers=workers) as server:
        with server.client() as client:
            client.put("/api/v1/flags/shared", json=FLAG)
        time.sleep(0.1)
        parts = urlsplit(server.url)
        body = b'{"context":{}}'
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
            head = b"POST /ofrep/v1/evaluate/flags/shared HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body[:5])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            connection.sendall(body[5:])
            received = b""
            while part := connection.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in received
        assert server.stop() == 0


@pytest.mark.timeout(60)
def test_readiness_survives_the_loss_of_the_store(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        with server.client() as client:
            client.put("/api/v1/flags/shared", json=FLAG)
        for path in (tmp_path / "data").glob("flags.db*"):
            path.unlink()
        time.sleep(1.5)
        assert httpx.get(f"{server.ops_url}/readyz").status_code == 200
        answer = httpx.post(f"{server.url}/ofrep/v1/evaluate/flags/shared", json={"context": {}})
        assert answer.json()["value"] is True
