"""What the request budget costs a request: the check itself, and with its part of the leases from SQLite."""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from report import Budget, table

CALLS = 200_000
TARGET_MICROSECONDS = 2.0


def run(*, quick: bool, source: Path) -> list[Budget]:
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    rounds = 3 if quick else 9
    with TemporaryDirectory() as folder:
        bare = [_bare_loop() for _ in range(rounds)]
        memory = [_spend(None)[0] for _ in range(rounds)]
        sqlite = [_spend(Path(folder) / f"{each}.db") for each in range(rounds)]
        awaited = [asyncio.run(_awaited(Path(folder) / f"a{each}.db")) for each in range(rounds)]
    empty = statistics.median(bare)
    rows = [
        ["an empty loop", f"{empty:.3f}", ""],
        ["lease from memory", f"{statistics.median(memory) - empty:.3f}", ""],
        [
            "lease from SQLite, synced to disk",
            f"{statistics.median([cost for cost, _ in sqlite]) - empty:.3f}",
            f"{statistics.median([steps for _, steps in sqlite]):.4f}",
        ],
        [
            "the same as a route does it (await, thread)",
            f"{statistics.median([cost for cost, _ in awaited]) - empty:.3f}",
            f"{statistics.median([steps for _, steps in awaited]):.4f}",
        ],
    ]
    print(table("Request budget", ["one call", "microseconds", "steps of the store"], rows))
    return [
        Budget(
            "request budget, amortised",
            statistics.median([cost for cost, _ in awaited]) - empty,
            at_most=TARGET_MICROSECONDS,
            unit=" us",
        ),
        Budget(
            "steps of the store per request",
            statistics.median([steps for _, steps in awaited]),
            at_most=0.15,
        ),
    ]


def _bare_loop() -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        pass
    return (time.perf_counter() - began) / CALLS * 1e6


def _meter(path: Path | None):
    from burgee.adapters.memory import MemoryBudgetStore
    from burgee.adapters.sqlite.budgets import SqliteBudgetStore
    from burgee.adapters.sqlite.connections import Connections
    from burgee.service.meter import Meter
    from burgee.testing.unreliable_budgets import UnreliableBudgetStore

    inner = MemoryBudgetStore() if path is None else SqliteBudgetStore(Connections(path))
    store = UnreliableBudgetStore(inner)  # it counts the steps
    meter = Meter(
        store, "pendingLimit", seed_limit=10**9, clock=time.time, monotonic=time.monotonic, window_seconds=60
    )
    meter.spend()
    return meter, store


def _spend(path: Path | None) -> tuple[float, float]:
    meter, store = _meter(path)
    before = len(store.steps)
    began = time.perf_counter()
    for _ in range(CALLS):
        if not meter.try_spend():
            meter.spend()
    cost = (time.perf_counter() - began) / CALLS * 1e6
    return cost, (len(store.steps) - before) / CALLS


async def _awaited(path: Path) -> tuple[float, float]:
    import anyio

    from burgee.surfaces.http.metering import spend

    meter, store = _meter(path)
    limiter = anyio.CapacityLimiter(8)
    before = len(store.steps)
    began = time.perf_counter()
    for _ in range(CALLS):
        await spend(meter, limiter)
    cost = (time.perf_counter() - began) / CALLS * 1e6
    return cost, (len(store.steps) - before) / CALLS
