"""Several workers count together: each writes its own counts, and none is lost in between or at the end."""

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import Server, running_server

FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
ONE = "/ofrep/v1/evaluate/flags/counted"


def evaluate(server: Server, times: int) -> None:
    for _ in range(times):
        # Each is a new connection, and so goes to any of the workers.
        assert httpx.post(server.url + ONE, json={"context": {}}).json()["value"] is True


def total(server: Server) -> int:
    with server.client() as client:
        return int(client.get("/api/v1/flags/counted/usage").json()["total"])


@pytest.mark.timeout(120)
def test_what_any_worker_evaluates_is_counted_and_survives_a_restart(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=3) as server:
        with server.client() as client:
            assert client.put("/api/v1/flags/counted", json=FLAG).status_code == 201
        time.sleep(0.1)
        before = (tmp_path / "data" / "flags.db-high-water").read_bytes()
        evaluate(server, 60)
        deadline = time.monotonic() + 15
        while total(server) != 60:
            assert time.monotonic() < deadline, total(server)
            time.sleep(0.1)
        evaluate(server, 20)  # the end of the server is soon enough to write these
        assert server.stop() == 0
        assert (tmp_path / "data" / "flags.db-high-water").read_bytes() == before  # counts are no events
    with running_server(tmp_path / "data", workers=2) as server:
        assert total(server) == 80
        with server.client() as client:
            (item,) = client.get("/api/v1/flags").json()["items"]
            assert time.time() - item["lastEvaluatedAt"] < 60


@pytest.mark.timeout(60)
def test_a_killed_worker_loses_no_more_than_its_last_seconds(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        with server.client() as client:
            client.put("/api/v1/flags/counted", json=FLAG)
        evaluate(server, 10)
        time.sleep(3)
        evaluate(server, 5)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(5)
    with running_server(tmp_path / "data") as server:
        assert 10 <= total(server) <= 15
