"""A thousand clients that dawdle are closed, and those that do not never notice (fault F19)."""

import os
import select
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from burgee.testing.server import running_server

SLOW = int(os.environ.get("BURGEE_SLOW_CLIENTS", "1000"))
ALL_CLOSED_WITHIN_SECONDS = 35.0
HEALTHY_P99_SECONDS = 0.05

STARTS = [
    b"",
    b"P",
    b"GET / HTTP/1.1\r\nx-a: ",
    b"POST /ofrep/v1/evaluate/flags/shared HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n{",
    b"POST /api/v1/flags/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
]


@pytest.mark.torture
@pytest.mark.timeout(120)
def test_slow_connections_are_closed_while_healthy_requests_stay_quick(tmp_path: Path) -> None:
    stop = threading.Event()
    durations: list[float] = []
    with running_server(tmp_path / "data") as server:
        with server.client() as client:
            flag = {"variants": {"on": True}, "defaultVariant": "on"}
            assert client.put("/api/v1/flags/shared", json=flag).status_code == 201

        def healthy() -> None:
            with httpx.Client(base_url=server.url) as client:
                while not stop.is_set():
                    began = time.perf_counter()
                    answer = client.post("/ofrep/v1/evaluate/flags/shared", json={"context": {}})
                    durations.append(time.perf_counter() - began)
                    assert answer.status_code == 200
                    time.sleep(0.01)

        parts = urlsplit(server.url)
        began = time.monotonic()
        slow: dict[int, socket.socket] = {}
        for number in range(SLOW):
            connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
            connection.sendall(STARTS[number % len(STARTS)])
            slow[connection.fileno()] = connection
        thread = threading.Thread(target=healthy)
        thread.start()
        closed_at = dawdle(slow, until=began + ALL_CLOSED_WITHIN_SECONDS + 5)
        stop.set()
        thread.join()
    assert not slow, f"{len(slow)} slow connections are still open"
    assert closed_at - began < ALL_CLOSED_WITHIN_SECONDS
    durations.sort()
    assert durations[int(len(durations) * 0.99)] < HEALTHY_P99_SECONDS


def dawdle(slow: dict[int, socket.socket], *, until: float) -> float:
    """Send a byte now and then on every open connection; when the last of them was closed."""
    poll = select.poll()
    for descriptor in slow:
        poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    next_byte = time.monotonic() + 3
    while slow and time.monotonic() < until:
        for descriptor, _ in poll.poll(500):
            try:
                ended = not slow[descriptor].recv(4096)
            except OSError:
                ended = True
            if ended:
                poll.unregister(descriptor)
                slow.pop(descriptor).close()
        if time.monotonic() > next_byte:
            next_byte = time.monotonic() + 3
            for number, connection in enumerate(list(slow.values())):
                if number % len(STARTS) == 2:
                    try:
                        connection.send(b"y")
                    except OSError:
                        continue
    return time.monotonic()
