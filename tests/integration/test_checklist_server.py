"""The checklist of requests (reliability.md 3.2) where it needs a process: items 45, 47, 55 and 56."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from burgee.model.limits import DEFAULT_LIMITS
from burgee.testing.server import Server, running_server

FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
KIB = 1024
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) \S.*")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def server(tmp_path: Path, log: Path) -> Iterator[Server]:
    settings = {"BURGEE_AUDIT_FILES": "true", "BURGEE_ADDRESS_RATE": "0"}
    with running_server(tmp_path / "data", environment=settings, log=log) as server:
        yield server


def connected(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def most_memory(server: Server) -> int:
    """The most that any process of the server has had, in KiB."""
    peaks = [0]
    for each in server.ready()["workers"]:
        status = Path(f"/proc/{each['pid']}/status").read_text()
        peaks.append(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]))
    return max(peaks)


def flood(server: Server, path: str, *, size: int, connections: int) -> list[bytes]:
    """Send chunks without end on many connections at a time, and announce nothing; the first lines back."""
    head = (
        f"PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.token}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    ).encode()
    if "import" in path:
        head = head.replace(b"PUT", b"POST")
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    opened = [connected(server) for _ in range(connections)]
    for connection in opened:
        connection.sendall(head)
    answers = dict.fromkeys(opened, b"")
    for _ in range(size // 0x4000):
        for connection in opened:
            if not answers[connection]:
                try:
                    connection.sendall(chunk)
                except OSError:
                    answers[connection] = b"cut off"
    for connection in opened:
        with contextlib.suppress(OSError):
            answers[connection] = connection.recv(4096).partition(b"\r\n")[0] or answers[connection]
        connection.close()
    return list(answers.values())


@pytest.mark.parametrize(
    ("path", "cap", "connections"),
    [
        ("/api/v1/flags/banner", DEFAULT_LIMITS.body_bytes, 24),
        ("/api/v1/import", DEFAULT_LIMITS.import_bytes, 2),
    ],
)
def test_item_45_a_body_without_end_costs_no_more_than_its_cap(
    server: Server, path: str, cap: int, connections: int
) -> None:
    flood(server, path, size=cap + 128 * KIB, connections=1)  # what is paid once
    before = most_memory(server)
    answers = flood(server, path, size=cap + 4096 * KIB, connections=connections)
    assert any(answer.startswith(b"HTTP/1.1 413 ") for answer in answers)
    assert {answer.split(b" ")[1:2] == [b"413"] or answer == b"cut off" for answer in answers} == {True}
    assert (most_memory(server) - before) * KIB < 2 * cap * connections


@pytest.mark.parametrize("length", [DEFAULT_LIMITS.body_bytes + 1, 10**18])
def test_item_45_an_announced_length_over_the_cap_is_refused_at_once(server: Server, length: int) -> None:
    with connected(server) as connection:
        head = f"PUT /api/v1/flags/a HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("workers", [1, 2])
def test_item_47_an_address_that_a_client_makes_up_is_not_believed(tmp_path: Path, workers: int) -> None:
    """Of two workers one forwards writes to the other, and says for whom: what the client says is dropped."""
    settings = {"BURGEE_ADDRESS_RATE": "1"}
    with running_server(tmp_path / "data", workers=workers, environment=settings) as server:
        statuses = []
        for number in range(80):
            headers = {
                "x-forwarded-for": f"192.0.2.{number}",
                "forwarded": f"for=192.0.2.{number}",
                "x-real-ip": f"192.0.2.{number}",
            }
            answer = httpx.put(f"{server.url}/api/v1/flags/a", json=FLAG, headers=headers)
            statuses.append(answer.status_code)
        assert set(statuses) == {401, 429}
        assert statuses.count(401) < 40


@pytest.mark.parametrize("workers", [1, 2])
def test_item_47_the_address_that_a_proxy_of_ours_saw_is_the_clients(tmp_path: Path, workers: int) -> None:
    """One client floods through a proxy; another that comes through the same proxy is not turned away."""
    settings = {"BURGEE_ADDRESS_RATE": "1", "BURGEE_TRUSTED_PROXIES": "127.0.0.1"}
    with running_server(tmp_path / "data", workers=workers, environment=settings) as server:

        def statuses(client: str, count: int) -> list[int]:
            answers = [
                httpx.put(
                    f"{server.url}/api/v1/flags/a",
                    json=FLAG,
                    headers={"x-forwarded-for": f"192.0.2.{number}, {client}"},
                )
                for number in range(count)
            ]
            return [answer.status_code for answer in answers]

        flood = statuses("203.0.113.9", 80)
        assert set(flood) == {401, 429}
        assert flood.count(401) < 40
        assert statuses("203.0.113.10", 5) == [401] * 5


CANARY = "cAnArY"


def test_item_55_no_secret_reaches_a_log_an_answer_or_a_file(server: Server, log: Path) -> None:
    secret = {
        name: f"{CANARY}-{name}-0123456789"
        for name in ("bearer", "cookie", "key", "query", "body", "context")
    }
    with server.client() as admin:
        assert admin.put("/api/v1/flags/banner", json=FLAG).status_code == 201
        sdk = admin.post("/api/v1/keys", json={"name": "shop", "kind": "server"}).json()["key"]
        made = admin.post(
            "/api/v1/tokens", json={"subject": "ci", "role": "reader", "ttlSeconds": 60}
        ).json()["token"]
        for listed in ("/api/v1/keys", "/api/v1/audit", "/api/v1/status", "/api/v1/export"):
            text = admin.get(listed).text
            assert sdk not in text
            assert made not in text
    texts = []
    with httpx.Client(base_url=server.url) as nobody:
        for headers in (
            {"authorization": f"Bearer {secret['bearer']}"},
            {"authorization": f"Basic {secret['bearer']}"},
            {"cookie": f"burgee-session={secret['cookie']}; rds-session={secret['cookie']}"},
            {"x-api-key": secret["key"]},
            {"authorization": f"Bearer {sdk}", "cookie": f"burgee-session={secret['cookie']}"},
        ):
            for method, path in (
                ("GET", "/api/v1/flags"),
                ("PUT", "/api/v1/flags/a"),
                ("POST", "/feature-flag"),
            ):
                query = f"{path}?token={secret['query']}&access_token={secret['query']}"
                texts.append(nobody.request(method, query, json={"x": secret["body"]}, headers=headers).text)
        texts.append(
            nobody.post("/sign-in", data={"code": secret["body"]}, headers={"origin": server.url}).text
        )
        context = {"context": {"targetingKey": secret["context"], "email": secret["context"]}}
        texts.append(nobody.post("/ofrep/v1/evaluate/flags/banner", json=context).text)
        texts.append(nobody.post("/ofrep/v1/evaluate/flags", json=context).text)
        texts.append(nobody.post("/ofrep/v1/evaluate/flags/banner", content=f"{{{secret['context']}").text)
        texts.append(httpx.get(f"{server.ops_url}/metrics").text)
    assert CANARY not in "".join(texts)
    time.sleep(1.5)
    server.stop()
    folder = [path for path in server.data.rglob("*") if path.is_file() and path.suffix != ".pem"]
    kept = {path.name: path.read_bytes() for path in [log, *folder]}
    assert any(name.endswith(".ndjson") and content for name, content in kept.items())
    for name, content in kept.items():
        for planted in (CANARY, sdk, sdk[-43:], made, made.rpartition(".")[2], server.token):
            assert planted.encode() not in content, name


EVIL = (
    "\r\n2026-01-01T00:00:00.000Z ERROR forged",
    "\x1b[2J\x1b[31mred",
    "\u2028line\u2029",
    "a\x00b",
    "\x9b31m",
    "\u202egnp",
)


def test_item_56_what_a_client_names_ends_no_line_and_moves_no_cursor(server: Server, log: Path) -> None:
    with server.client() as admin:
        for number, text in enumerate(EVIL):
            admin.put(
                f"/api/v1/flags/f-{number}", json={**FLAG, "name": text, "description": text, "tags": [text]}
            )
            admin.post("/api/v1/tokens", json={"subject": text, "role": "reader", "ttlSeconds": 60})
            admin.post("/feature-flags", json={"name": text, "description": text})
            admin.post("/feature-flag", json={"flagName": text, "currentVariation": True})
            admin.post("/api/v1/budget/reset", json={"limit": 1_000_000, "reason": text})
            admin.request("DELETE", "/feature-flag/" + "".join(f"%{byte:02x}" for byte in text.encode()))
            admin.get("/api/v1/flags", params={"search": text, "tag": text})
    time.sleep(1.5)
    server.stop()
    lines = [
        line
        for path in sorted((server.data / "audit").glob("*.ndjson"))
        for line in path.read_bytes().split(b"\n")
    ]
    assert b"\\u001b[31mred" in b"".join(lines)  # it was recorded, as text
    for line in lines:
        if line:
            assert isinstance(msgspec.json.decode(line), dict)
            assert not re.search(rb"[\x00-\x1f\x7f]", line)
    said = log.read_bytes().decode()
    assert "\x1b" not in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", said)
    assert not [line for line in said.splitlines() if "forged" in line and not LOG_LINE.fullmatch(line)]
    assert not re.search(r"^2026-01-01T00:00:00", said, re.MULTILINE)
