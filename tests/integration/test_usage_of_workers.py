"""Several workers count together: each writes its own counts, and none is lost in between or at the end."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
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


def burgee(server: Server, *arguments: str) -> str:
    """What the command prints about a server."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")},
        "BURGEE_URL": server.url,
        "BURGEE_TOKEN": server.token,
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "burgee", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout


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
            assert client.put("/api/v1/flags/unused", json=FLAG).status_code == 201
        moment = datetime.fromtimestamp(item["lastEvaluatedAt"], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        shown = [line.rstrip() for line in burgee(server, "flags", "list").splitlines()]
        assert [line.endswith(moment) for line in shown if " counted " in line] == [True]
        assert [line.count(":") for line in shown if " unused " in line] == [2]  # only when it was changed
        assert "counted" not in burgee(server, "flags", "list", "--stale", "1")


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
