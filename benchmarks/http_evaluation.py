"""OFREP over HTTP: one flag against nginx, all flags at once, and answers that have not changed."""

import asyncio
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import server
from report import Budget, table

SINGLE = "/ofrep/v1/evaluate/flags/plan-flag"
BULK = "/ofrep/v1/evaluate/flags"
CONTEXT = {
    "targetingKey": "user-4711",
    "email": "user@example.com",
    "plan": "gold",
    "country": "CH",
    "age": 42,
}
BODY = json.dumps({"context": CONTEXT}, separators=(",", ":")).encode()
RULE = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": RULE}
BULK_FLOOR = {10: 25_000, 100: 10_000, 1_000: 1_500}
PUBLISHED_FLAGD = 0.135
"""flagd's own OFREP handler to nginx, as measured elsewhere (it cannot be built here)."""


def run(*, quick: bool, root: Path) -> list[Budget]:
    lacking = server.missing_tools()
    if lacking:
        print(
            f"\nHTTP: skipped, {', '.join(lacking)} not installed (apt-get install wrk nginx-light util-linux)"
        )
        return []
    seconds, rounds = (2, 2) if quick else (4, 5)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with server.burgee(root, folder) as ours:
            return [*_single(ours, folder, seconds, rounds), *_bulk(ours, folder, seconds)]


def _single(ours: server.Running, folder: Path, seconds: float, rounds: int) -> list[Budget]:
    server.call(ours, "PUT", "/api/v1/flags/plan-flag", FLAG)
    answer, _ = server.call(ours, "POST", SINGLE, {"context": CONTEXT})
    assert json.loads(answer)["value"] is True
    results: dict[str, list[dict[str, float]]] = {"burgee": [], "nginx": []}
    with server.nginx(folder, answer) as constant:
        for _ in range(rounds):
            results["burgee"].append(server.load(ours, SINGLE, BODY, seconds=seconds, folder=folder))
            results["nginx"].append(server.load(constant, SINGLE, BODY, seconds=seconds, folder=folder))
    rows = [
        [
            name,
            *(
                f"{statistics.median(one[figure] for one in found):,.0f}"
                for figure in ("per_second", "per_cpu_second", "p50", "p99")
            ),
        ]
        for name, found in results.items()
    ]
    print(table(f"One flag over HTTP, {len(BODY)} bytes, 64 connections, server on one core (flagd's handler: {PUBLISHED_FLAGD} of nginx)",
                ["server", "req/s", "req/CPU-s", "p50 us", "p99 us"], rows))  # fmt: skip
    p50, p99, rate = asyncio.run(_fixed_load(ours, 2_000 if seconds < 3 else 4_000, seconds * 2))
    print(f"at a fixed {rate:,.0f} requests/s (own open-loop client): p50 {p50:.0f} us, p99 {p99:.0f} us")
    ratio = statistics.median(
        mine["per_cpu_second"] / theirs["per_cpu_second"]
        for mine, theirs in zip(results["burgee"], results["nginx"], strict=True)
    )
    return [
        Budget("OFREP single: requests per CPU second, of nginx (must)", ratio, at_least=0.35),
        Budget("OFREP single: the same (aim)", ratio, at_least=0.75),
    ]


async def _fixed_load(ours: server.Running, rate: int, seconds: float) -> tuple[float, float, float]:
    """Requests at fixed times over 32 connections, whether or not earlier ones have been answered."""
    parts = urlsplit(ours.url)
    head = f"POST {SINGLE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    took: list[float] = []

    async def one(offset: float) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        due = time.perf_counter() + offset
        end = due + seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            answered = await reader.readuntil(b"\r\n\r\n")
            length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            took.append(time.perf_counter() - due)
            due += 32 / rate
        writer.close()

    await asyncio.gather(*(one(place / rate) for place in range(32)))
    took.sort()
    return took[len(took) // 2] * 1e6, took[int(len(took) * 0.99)] * 1e6, len(took) / seconds


def _bulk(ours: server.Running, folder: Path, seconds: float) -> list[Budget]:
    found: list[Budget] = []
    rows: list[list[str]] = []
    for count, floor in BULK_FLOOR.items():
        flags = {f"flag-{number}": {"state": "ENABLED", **FLAG} for number in range(count)}
        server.call(ours, "POST", f"/api/v1/import?flagSet=bulk-{count}", {"flags": flags})
        selector = {"Flagd-Selector": f"flagSetId=bulk-{count}"}
        body, headers = server.call(ours, "POST", BULK, {"context": CONTEXT}, selector)
        assert len(json.loads(body)["flags"]) == count
        etag = next(value for name, value in headers.items() if name.lower() == "etag")
        unchanged = selector | {"If-None-Match": etag}
        assert server.status(ours, "POST", BULK, {"context": CONTEXT}, unchanged) == 304
        fresh = server.load(ours, BULK, BODY, seconds=seconds, folder=folder, headers=selector)
        same = server.load(
            ours,
            BULK,
            BODY,
            seconds=seconds,
            folder=folder,
            headers=unchanged,
        )
        rows.append([f"{count:,}", f"{fresh['per_cpu_second']:,.0f}", f"{same['per_cpu_second']:,.0f}"])
        found.append(
            Budget(f"OFREP bulk, {count:,} flags per CPU second", fresh["per_cpu_second"], at_least=floor)
        )
    print(table("All flags over HTTP, requests per CPU second", ["flags", "200", "304"], rows))
    return found
