"""Several workers on one port: a write through any is seen by all, and a dead one is replaced."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import Server, running_server

WORKERS = 3
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
ONE = "/ofrep/v1/evaluate/flags/shared"


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def workers(server: Server) -> set[int]:
    try:
        return {int(worker["pid"]) for worker in server.ready()["workers"]}
    except httpx.HTTPError:
        return set()


@pytest.mark.timeout(120)
def test_a_write_through_any_worker_is_evaluated_by_all_soon(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=WORKERS) as server:
        for number in range(12):
            # Each client is a new connection, and so goes to any of the workers.
            with server.client() as client:
                variant = "on" if number % 2 else "off"
                answer = client.put("/api/v1/flags/shared", json={**FLAG, "defaultVariant": variant})
                assert answer.status_code in {200, 201}, answer.text
            time.sleep(0.05)
            for _ in range(8):
                value = httpx.post(server.url + ONE, json={"context": {}}).json()["value"]
                assert value is (variant == "on")
        assert server.ready()["revisions"] == {"default": 12}


@pytest.mark.timeout(120)
def test_a_worker_that_dies_is_replaced_and_health_stays_up(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=WORKERS) as server:
        before = workers(server)
        assert len(before) == WORKERS
        victim = max(before)
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert httpx.get(f"{server.ops_url}/healthz", timeout=5).status_code == 200
        eventually(lambda: len(workers(server)) == WORKERS and victim not in workers(server))
        assert before - {victim} <= workers(server)


@pytest.mark.timeout(120)
def test_writes_come_back_when_the_writer_was_killed(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=2) as server:
        for number in range(4):
            os.kill(min(workers(server)), signal.SIGKILL)
            statuses: set[int] = set()

            def written(number: int = number, statuses: set[int] = statuses) -> bool:
                try:
                    with server.client(timeout=10) as client:
                        statuses.add(client.put(f"/api/v1/flags/f{number}", json=FLAG).status_code)
                except httpx.TransportError:
                    return False  # the connection was the dead worker's
                return bool(statuses & {200, 201})

            eventually(written)
            assert statuses <= {200, 201, 503}
            eventually(lambda: len(workers(server)) == 2)


@pytest.mark.timeout(120)
def test_metrics_are_the_totals_of_all_workers(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=WORKERS) as server:
        with server.client() as client:
            client.put("/api/v1/flags/shared", json=FLAG)
        time.sleep(0.1)
        for _ in range(60):
            httpx.post(server.url + ONE, json={"context": {}})

        def total() -> float:
            text = httpx.get(f"{server.ops_url}/metrics").text
            found = re.search(r'^burgee_evaluations_total\{reason="STATIC"\} (\S+)', text, re.MULTILINE)
            assert found is not None
            return float(found[1])

        eventually(lambda: total() == 60)
        text = httpx.get(f"{server.ops_url}/metrics").text
        assert f"burgee_workers {float(WORKERS)}" in text
        assert "burgee_publishes_total 1.0" in text


@pytest.mark.timeout(60)
def test_the_client_address_and_the_answer_pass_through_the_forwarding(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=2) as server:
        seen = set()
        for _ in range(16):
            with server.client() as client:
                answer = client.put("/api/v1/flags/no%20key", json=FLAG)
                assert answer.headers["content-type"].startswith("application/problem+json")
                seen.add(answer.status_code)
                assert client.delete("/api/v1/flags/none").status_code == 404
                big = client.put("/api/v1/flags/a", content=b"x" * 300_000)
                assert big.status_code == 413
        assert len(seen) == 1
        assert seen.pop() in {400, 404, 422}


@pytest.mark.timeout(60)
def test_the_socket_of_the_writer_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / ("long-name-" * 8) / "data"
    folder.parent.mkdir()
    with running_server(folder, workers=2) as server:
        assert (folder / "writer.sock").stat().st_mode & 0o777 == 0o600
        assert (folder / "server.json").stat().st_mode & 0o777 == 0o600
        with server.client() as client:
            assert client.put("/api/v1/flags/a", json=FLAG).status_code == 201
    assert not (folder / "server.json").exists()


@pytest.mark.timeout(60)
def test_a_second_server_on_the_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=2) as server:
        with (
            pytest.raises(RuntimeError, match="in use"),
            running_server(tmp_path / "data", log=tmp_path / "second.log"),
        ):
            pass
        assert httpx.get(f"{server.ops_url}/readyz").status_code == 200


@pytest.mark.timeout(60)
def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=2) as server:
        pids = workers(server)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(5)
        eventually(lambda: not any(alive(pid) for pid in pids))
    with running_server(tmp_path / "data", workers=2) as server:
        assert httpx.get(f"{server.ops_url}/readyz").status_code == 200


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


@pytest.mark.timeout(120)
def test_workers_that_cannot_reach_their_writer_evaluate_all_the_same(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data" / "writer.sock" / "x"
    in_the_way.mkdir(parents=True)
    with running_server(tmp_path / "data", workers=2) as server:
        for _ in range(8):
            assert httpx.post(server.url + ONE, json={"context": {}}).status_code == 404
            assert httpx.put(server.url + "/api/v1/flags/a", json=FLAG).status_code in {401, 503}
    assert "writer.unreachable problem=" in (tmp_path / "data.log").read_text()
