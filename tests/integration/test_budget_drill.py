"""The breaker drill on a real server: trip, refuse, reset, serve; stop, and evaluation with it."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import Server, running_server, token

SINGLE = "/ofrep/v1/evaluate/flags/banner"


def get(client: httpx.Client) -> int:
    return client.get("/api/v1/flags").status_code


def reset(client: httpx.Client, limit: int) -> httpx.Response:
    return client.post("/api/v1/budget/reset", json={"limit": limit, "reason": "drill"})


def stop(client: httpx.Client, scope: str) -> httpx.Response:
    return client.post("/api/v1/budget/stop", json={"reason": "drill", "scope": scope})


def make_flag(client: httpx.Client) -> None:
    flag = {"variants": {"on": True}, "defaultVariant": "on"}
    assert client.put("/api/v1/flags/banner", json=flag).status_code == 201


def evaluate(server: Server) -> int:
    return httpx.post(f"{server.url}{SINGLE}", json={"context": {}}).status_code


def metric(server: Server, series: str) -> float:
    """What /metrics says of one series, to whoever watches for refusals."""
    text = httpx.get(f"{server.ops_url}/metrics").text
    (line,) = [line for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(line.rsplit(" ", 1)[1])


@pytest.mark.timeout(60)
def test_trip_refuse_reset_serve(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as client:
        make_flag(client)
        assert reset(client, 10).status_code == 200
        assert [get(client) for _ in range(12)] == [200] * 10 + [429] * 2
        refused = client.get("/api/v1/flags")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert evaluate(server) == 200
        assert metric(server, 'burgee_budget_refused_total{budget="management"}') == 3
        assert metric(server, 'burgee_budget_admitted_total{budget="management"}') == 11  # and the flag
        assert metric(server, 'burgee_http_too_many_requests_total{route="management"}') == 3
        assert client.get("/api/v1/budget").json()["management"]["state"] == "TRIPPED"
        assert reset(client, 20).status_code == 200
        assert [get(client) for _ in range(22)] == [200] * 20 + [429] * 2
        reset(client, 1000)
        actions = [event["action"] for event in client.get("/api/v1/audit").json()["items"]]
        assert actions[:5] == [
            "budget.reset",
            "budget.tripped",
            "budget.reset",
            "budget.tripped",
            "budget.reset",
        ]
        assert client.get("/api/v1/audit/verify").json()["ok"]


@pytest.mark.timeout(60)
def test_one_hundred_calls_at_once_with_a_limit_of_fifty_admit_fifty(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as client:
        reset(client, 50)
        start, statuses = threading.Barrier(10), list[int]()

        def call() -> None:
            with server.client() as own:
                start.wait()
                statuses.extend(get(own) for _ in range(10))

        threads = [threading.Thread(target=call) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] * 50 + [429] * 50


@pytest.mark.timeout(90)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_reaches_every_worker_and_a_reset_opens_all_again(tmp_path: Path, workers: int) -> None:
    with running_server(tmp_path / "data", workers=workers) as server, server.client() as client:
        make_flag(client)
        time.sleep(0.3)

        def all_answer(status: int) -> None:
            # Each call has a connection of its own, so that every worker is asked.
            for _ in range(20):
                assert httpx.get(f"{server.url}/api/v1/flags", headers=server.headers).status_code == status

        all_answer(200)
        for scope, evaluation in (("management", 200), ("all", 429)):
            assert stop(client, scope).status_code == 200
            time.sleep(1.0)
            all_answer(429)
            assert {evaluate(server) for _ in range(20)} == {evaluation}
            assert server.ready()["status"] == "ready"
            assert reset(client, 10_000).status_code == 200
            time.sleep(1.0)
            all_answer(200)
            assert {evaluate(server) for _ in range(20)} == {200}


@pytest.mark.timeout(60)
def test_a_stop_outlives_a_restart(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as client:
        make_flag(client)
        stop(client, "all")
    with running_server(tmp_path / "data") as server, server.client() as client:
        assert (get(client), evaluate(server)) == (429, 429)
        reset(client, 5)
        assert (get(client), evaluate(server)) == (200, 200)


@pytest.mark.timeout(60)
def test_a_restart_loses_none_of_the_budget(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as client:
        reset(client, 1000)
        assert [get(client) for _ in range(10)] == [200] * 10
    with running_server(tmp_path / "data") as server, server.client() as client:
        assert client.get("/api/v1/budget").json()["management"]["remaining"] == 990


@pytest.mark.timeout(60)
@pytest.mark.parametrize("role", ["reader", "editor", "sdk-server"])
def test_only_administrators_reset_and_stop(tmp_path: Path, role: str) -> None:
    with running_server(tmp_path / "data") as server:
        headers = {"Authorization": f"Bearer {token(server.data, role=role)}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            assert (reset(client, 5).status_code, stop(client, "all").status_code) == (403, 403)
        assert httpx.post(f"{server.url}/api/v1/budget/reset", json={"limit": 5}).status_code == 401
