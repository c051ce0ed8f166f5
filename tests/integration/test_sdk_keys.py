"""SDK keys on a server of several processes that others can reach."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.testing.server import Server, running_server
from burgee.testing.token_workshop import public_pem_of

BULK = "/ofrep/v1/evaluate/flags"
ASKED = 24
"""New connections, so that the kernel spreads them over the workers."""


def statuses(server: Server, key: str) -> set[int]:
    """What new connections are answered."""
    return {
        httpx.post(f"{server.url}{BULK}", json={}, headers={"x-api-key": key}, timeout=10).status_code
        for _ in range(ASKED)
    }


@pytest.mark.parametrize("workers", [1, 3])
def test_every_worker_knows_a_key_at_once_and_its_end_within_a_second(tmp_path: Path, workers: int) -> None:
    environment = {"BURGEE_HOST": "0.0.0.0", "BURGEE_PUBLIC_KEY": public_pem_of("other").decode()}
    with running_server(tmp_path, workers=workers, environment=environment) as server:
        with server.client(timeout=10) as client:
            made: dict[str, Any] = client.post("/api/v1/keys", json={"name": "n", "kind": "server"}).json()
            assert statuses(server, made["key"]) == {200}
            assert statuses(server, made["key"].replace("bgs_", "bgc_")) == {401}
            with httpx.stream(
                "GET", f"{server.url}/ofrep/v1/sse", headers={"x-api-key": made["key"]}, timeout=10
            ) as stream:
                assert stream.status_code == 200
                assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
                revoked_at = time.monotonic()
                time.sleep(1)
                assert statuses(server, made["key"]) == {401}
                for _ in stream.iter_bytes():
                    pass
                assert time.monotonic() - revoked_at < 6
        assert server.stop() == 0
    with running_server(tmp_path, environment=environment) as server, server.client(timeout=10) as client:
        (kept,) = client.get("/api/v1/keys").json()["items"]
        assert kept["lastUsedAt"] >= int(made["createdAt"])
        assert made["key"] not in client.get("/api/v1/audit").text
