"""From a publish to 500 open event streams."""

import asyncio
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import server
from report import Budget

STREAMS = 500


def run(*, quick: bool, root: Path) -> list[Budget]:
    if "taskset" in server.missing_tools():
        print("\nPublish to visible: skipped, taskset not installed (apt-get install util-linux)")
        return []
    with TemporaryDirectory() as name, server.burgee(root, Path(name)) as ours:
        flag = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
        server.call(ours, "PUT", "/api/v1/flags/visible", flag)
        p99s, medians = asyncio.run(_measure(ours, 5 if quick else 20))
    p99 = statistics.median(p99s)
    print(
        f"\nPublish to visible on {STREAMS} streams, from before the request: median {statistics.median(medians):.1f} ms, p99 {p99:.1f} ms"
    )
    return [Budget(f"publish to visible on {STREAMS} streams, p99", p99, at_most=50, unit=" ms")]


async def _measure(ours: server.Running, publishes: int) -> tuple[list[float], list[float]]:
    parts = urlsplit(ours.url)
    seen: asyncio.Queue[float] = asyncio.Queue()

    async def listen() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET /ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        while line := await reader.readline():
            if line.startswith(b"data:") and b"refetch" in line:
                seen.put_nowait(time.perf_counter())

    listeners = [asyncio.create_task(listen()) for _ in range(STREAMS)]
    await asyncio.sleep(1.5)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    p99s: list[float] = []
    medians: list[float] = []
    for number in range(publishes):
        body = json.dumps({"tags": [f"run-{number}"]}).encode()
        head = f"PATCH /api/v1/flags/visible HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ours.token}\r\nContent-Type: application/json\r\n"
        while not seen.empty():
            seen.get_nowait()
        began = time.perf_counter()
        writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        arrived = sorted([(await asyncio.wait_for(seen.get(), 10) - began) * 1000 for _ in range(STREAMS)])
        answered = await reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200"), answered
        await reader.readexactly(int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        p99s.append(arrived[int(STREAMS * 0.99) - 1])
        medians.append(arrived[STREAMS // 2])
        await asyncio.sleep(0.1)
    for listener in listeners:
        listener.cancel()
    return p99s, medians
