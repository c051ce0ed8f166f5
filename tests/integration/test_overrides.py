"""Overrides in a running server with several workers: written through one, they hold in all."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.testing.server import Server, running_server

FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
ONE = "/ofrep/v1/evaluate/flags"
OVERRIDES = "/api/v1/flags/banner/overrides"
WORKERS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", workers=WORKERS) as server:
        with server.client() as client:
            assert client.put("/api/v1/flags/banner", json=FLAG).status_code == 201
        time.sleep(0.2)
        yield server


def evaluated(server: Server, subject: str = "u") -> tuple[Any, Any]:
    """What one flag and all flags answer; each call is a new connection, and so goes to any worker."""
    body = {"context": {"targetingKey": subject}}
    with httpx.Client(base_url=server.url, verify=False) as client:
        one = client.post(f"{ONE}/banner", json=body).json()
        (bulk,) = client.post(ONE, json=body).json()["flags"]
    return one["value"], bulk["value"]


def everywhere(server: Server, subject: str = "u") -> set[tuple[Any, Any]]:
    return {evaluated(server, subject) for _ in range(6 * WORKERS)}


@pytest.mark.timeout(120)
def test_an_override_holds_in_every_worker_soon_and_until_it_is_deleted(server: Server) -> None:
    assert everywhere(server) == {(False, False)}
    for number in range(4):
        with server.client() as client:
            put = client.put(f"{OVERRIDES}/u", json={"status": "ENABLED", "reason": f"run {number}"})
            assert put.status_code == 201, put.text
            assert client.get(f"{OVERRIDES}/u").json() == put.json()
        time.sleep(0.1)
        assert everywhere(server) == {(True, True)}
        assert everywhere(server, "v") == {(False, False)}
        with server.client() as client:
            assert client.delete(f"{OVERRIDES}/u").status_code == 204
        time.sleep(0.1)
        assert everywhere(server) == {(False, False)}


@pytest.mark.timeout(120)
def test_they_are_there_after_a_kill_and_a_restart(server: Server) -> None:
    with server.client() as client:
        client.put(f"{OVERRIDES}/%252F", json={"variant": "on"})
        assert client.get("/api/v1/subjects/%252F/overrides").json()["items"][0]["targetingKey"] == "%2F"
    server.kill()
    with running_server(server.data, workers=2) as again:
        assert everywhere(again, "%2F") == {(True, True)}
        with again.client() as client:
            assert client.get("/api/v1/audit/verify").json()["ok"]


@pytest.mark.timeout(120)
def test_streams_of_every_worker_are_told_but_not_for_each_of_many(server: Server) -> None:
    events: list[list[str]] = [[] for _ in range(2 * WORKERS)]
    opened = threading.Barrier(len(events) + 1)

    def listen(heard: list[str]) -> None:
        with httpx.stream("GET", f"{server.url}/ofrep/v1/sse", timeout=3) as stream:
            lines = stream.iter_lines()
            next(lines)
            opened.wait(10)
            try:
                heard.extend(line for line in lines if line.startswith("data:"))
            except httpx.ReadTimeout:
                return

    threads = [threading.Thread(target=listen, args=(heard,)) for heard in events]
    for thread in threads:
        thread.start()
    opened.wait(10)
    for heard in events:
        heard.clear()
    with server.client() as client:
        for number in range(100):
            assert client.put(f"{OVERRIDES}/u-{number}", json={"variant": "on"}).status_code == 201
        last = client.get("/api/v1/audit", params={"limit": 1}).json()["items"][0]["sequence"]
    for thread in threads:
        thread.join(20)
    for heard in events:
        assert 1 <= len(heard) < 20
        assert f".{last}" in heard[-1]


@pytest.mark.timeout(120)
def test_an_import_of_thousands_goes_through_any_worker(server: Server) -> None:
    rows = "".join(f"banner,user-{number},on\n" for number in range(5_000))
    body = b"flagKey,targetingKey,variant\n" + rows.encode()
    assert len(body) < 256 * 1024
    filler = b'banner,last,"on"\n' + b"\n" * 300_000  # beyond what other routes take
    with server.client(timeout=60) as client:
        answer = client.post(
            "/api/v1/overrides/import", content=body + filler, headers={"content-type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["created"] == 5_001
    time.sleep(0.3)
    assert everywhere(server, "user-4999") == {(True, True)}
    assert everywhere(server, "user-5000") == {(False, False)}
