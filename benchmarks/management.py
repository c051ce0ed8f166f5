"""Managing flags over HTTP, on SQLite with its audit: writes and reads; and what believing a token costs."""

import asyncio
import json
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import server
from report import Budget, table

CONNECTIONS = 8
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
TOKENS = """
import statistics, sys, time
from burgee.bootstrap import open_application
from burgee.service.access import Role
from burgee.settings import Settings
with open_application(Settings(data=":memory:")) as services:
    access = services.access
    tokens = [access.issue_token(f"subject-{number}", Role.READER, 3600) for number in range(int(sys.argv[1]))]
    def each(times):
        took = []
        for token in tokens:
            began = time.perf_counter_ns()
            for _ in range(times):
                access.authenticate(token)
            took.append((time.perf_counter_ns() - began) / times / 1000)
        return statistics.median(took)
    print(each(1), each(100))
"""


def run(*, quick: bool, root: Path) -> list[Budget]:
    first, again = _tokens(root, 200 if quick else 1000)
    print(
        f"\nA token: {first:.0f} us to verify, {again:.2f} us where it is known (expiry is still looked at)"
    )
    budgets = [Budget("a token that was verified before", again, at_most=2, unit=" us")]
    if "taskset" in server.missing_tools():
        print("\nManagement: skipped, taskset not installed (apt-get install util-linux)")
        return budgets
    with TemporaryDirectory() as name, server.burgee(root, Path(name)) as ours:
        figures = asyncio.run(_management(ours, 1.0 if quick else 4.0))
    rows = [
        [what, f"{found[0]:,.0f}", f"{found[1]:,.0f}", f"{found[2]:.1f}"] for what, found in figures.items()
    ]
    print(
        table(
            f"Management over HTTP, {CONNECTIONS} connections, SQLite with synchronous=FULL and audit, one core",
            ["what", "per second", "per CPU second", "p99 ms"],
            rows,
        )
    )
    return budgets


def _tokens(root: Path, count: int) -> tuple[float, float]:
    command = [str(root / ".venv" / "bin" / "python"), "-c", TOKENS, str(count)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    first, again = map(float, printed.split())
    return first, again


async def _management(ours: server.Running, seconds: float) -> dict[str, tuple[float, float, float]]:
    body = json.dumps(FLAG).encode()
    figures: dict[str, tuple[float, float, float]] = {}
    for what, method, content in (("publish (PUT)", "PUT", body), ("read (GET)", "GET", b"")):
        before = server.cpu_seconds(ours.pid)
        began = time.perf_counter()
        took = [
            latency
            for each in await asyncio.gather(
                *(_client(ours, method, content, place, began + seconds) for place in range(CONNECTIONS))
            )
            for latency in each
        ]
        passed, spent = time.perf_counter() - began, server.cpu_seconds(ours.pid) - before
        p99 = statistics.quantiles(took, n=100)[98] * 1000
        figures[what] = (len(took) / passed, len(took) / max(spent, 0.01), p99)
    return figures


async def _client(ours: server.Running, method: str, body: bytes, place: int, end: float) -> list[float]:
    parts = urlsplit(ours.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"{method} /api/v1/flags/managed-{place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ours.token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    took: list[float] = []
    number = 0
    while time.perf_counter() < end:
        number += 1
        content = body.replace(b'"on"}', b'"%s"}' % (b"on" if number % 2 else b"off"))
        announced = head.replace(f"Length: {len(body)}", f"Length: {len(content)}")
        began = time.perf_counter()
        writer.write(announced.encode() + b"\r\n" + content)
        answered = await reader.readuntil(b"\r\n\r\n")
        if answered[9:10] != b"2":
            raise AssertionError(answered)
        length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        took.append(time.perf_counter() - began)
    writer.close()
    return took
