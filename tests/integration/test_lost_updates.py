"""Eight writers on one flag over HTTP lose no update, with and without If-Match, on two workers."""

import threading
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import Server, running_server

WRITERS, EDITS = 8, 12


def with_if_match(server: Server, writer: int, failures: list[str]) -> None:
    """Read, add one's own tag, write back against the version read; start over after a 412."""
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as client:
        for edit in range(EDITS):
            for _ in range(1000):
                read = client.get("/api/v1/flags/shared")
                tags = [*read.json()["tags"], f"w{writer}-{edit}"]
                answer = client.patch(
                    "/api/v1/flags/shared", json={"tags": tags}, headers={"If-Match": read.headers["ETag"]}
                )
                if answer.status_code == 200:
                    break
                if answer.status_code != 412:
                    failures.append(f"{answer.status_code} {answer.text}")
                    return
            else:
                failures.append(f"writer {writer} starved")


def without(server: Server, writer: int, failures: list[str]) -> None:
    """Each merge patch touches one member of its own: all of them must be there at the end."""
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as client:
        for edit in range(EDITS):
            body = {"metadata": {f"w{writer}-{edit}": True}}
            answer = client.patch("/api/v1/flags/shared", json=body)
            if answer.status_code != 200:
                failures.append(f"{answer.status_code} {answer.text}")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("edit", [with_if_match, without])
def test_no_update_is_lost(tmp_path: Path, workers: int, edit: "object") -> None:
    failures: list[str] = []
    with (
        running_server(tmp_path / "data", workers=workers) as server,
        httpx.Client(base_url=server.url, headers=server.headers) as client,
    ):
        flag = {"variants": {"on": True}, "defaultVariant": "on"}
        assert client.put("/api/v1/flags/shared", json=flag).status_code == 201
        threads = [
            threading.Thread(target=edit, args=(server, writer, failures))  # type: ignore[arg-type]
            for writer in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        final = client.get("/api/v1/flags/shared").json()
        marks = final["tags"] or list(final["metadata"])
    assert failures == []
    assert sorted(marks) == sorted(f"w{writer}-{edit}" for writer in range(WRITERS) for edit in range(EDITS))
    assert final["version"] == 1 + WRITERS * EDITS
