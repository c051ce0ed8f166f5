"""A server killed at random under writes loses no acknowledged write and applies no retried one twice.

Fault F1 of the reliability catalogue: writers speak HTTP, the server dies by SIGKILL at least 60 times, and
afterwards every acknowledged write must stand in the flag's history exactly once, with its audit event.
"""

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.testing.server import Server, running_server

KILLS = int(os.environ.get("BURGEE_KILLS", "60"))
WRITERS = 4
SEED = 20261121


class Writer(threading.Thread):
    """One writer of one flag: sets `value` to 1, 2, 3 ..., retrying each until it is answered."""

    def __init__(self, *, name: str, stop: threading.Event, address: "Address") -> None:
        super().__init__(name=name, daemon=True)
        self.stop, self.address = stop, address
        self.acknowledged: list[int] = []
        self.refused: list[str] = []

    def run(self) -> None:
        value = 0
        while not self.stop.is_set():
            value += 1
            if not self.write(value):
                return

    def write(self, value: int) -> bool:
        body = {"status": "ENABLED", "variants": {"now": value}, "defaultVariant": "now"}
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                with httpx.Client(
                    base_url=self.address.url, headers=self.address.headers, timeout=5
                ) as client:
                    answer = client.put(
                        f"/api/v1/flags/{self.name}",
                        json=body,
                        headers={"Idempotency-Key": f"{self.name}-{value}"},
                    )
            except httpx.TransportError:
                time.sleep(0.02)  # the server is dead just now: the same write again, with the same key
                continue
            if answer.status_code in {200, 201}:
                self.acknowledged.append(value)
                return True
            if answer.status_code != 503:
                self.refused.append(f"{value}: {answer.status_code} {answer.text}")
                return False
            time.sleep(0.02)
        self.refused.append(f"{value}: no answer within 60 s")
        return False


class Address:
    """Where the server is now; it changes with every restart."""

    def __init__(self) -> None:
        self.url = "http://127.0.0.1:9"
        self.headers: dict[str, str] = {}

    def follow(self, server: Server) -> None:
        self.headers = {"Authorization": f"Bearer {server.token}"}
        self.url = server.url


def history(client: httpx.Client, key: str) -> list[dict[str, Any]]:
    """All steps of a flag, newest first, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"/api/v1/flags/{key}/history", params=parameters).raise_for_status().json()
        items += page["items"]
        cursor = page["nextCursor"]
        if not cursor:
            return items


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_no_acknowledged_write_is_lost_and_no_retry_counts_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    address, stop = Address(), threading.Event()
    writers = [Writer(name=f"flag-{n}", stop=stop, address=address) for n in range(WRITERS)]
    for kill in range(KILLS):
        with running_server(tmp_path / "data") as server:
            address.follow(server)
            if kill == 0:
                for writer in writers:
                    writer.start()
            time.sleep(chance.uniform(0.01, 0.4))
            server.kill()
        assert [writer.refused for writer in writers] == [[]] * WRITERS, f"after {kill + 1} kills"
    with running_server(tmp_path / "data") as server:
        address.follow(server)
        time.sleep(0.5)
        stop.set()
        for writer in writers:
            writer.join(timeout=70)
        with httpx.Client(base_url=server.url, headers=address.headers, timeout=10) as client:
            for writer in writers:
                assert writer.refused == []
                steps = history(client, writer.name)
                values = [step["flag"]["variants"]["now"] for step in reversed(steps)]
                assert values == list(range(1, len(values) + 1)), (
                    f"{writer.name}: a write twice, or out of order"
                )
                assert set(writer.acknowledged) <= set(values), (
                    f"{writer.name}: an acknowledged write is lost"
                )
            verdict = client.get("/api/v1/audit/verify").raise_for_status().json()
            assert verdict["ok"] is True
    total = sum(len(writer.acknowledged) for writer in writers)
    print(f"kills={KILLS} acknowledged={total} lost=0 seed={SEED}")
    assert total > KILLS, "the writers must have got through between the kills"
