"""Measures the cost of one call of the request budget, with the product's own interpreter; see budget.py."""

import asyncio
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.adapters.sqlite.budgets import SqliteBudgetStore
from burgee.adapters.sqlite.connections import Connections
from burgee.service.meter import Meter
from burgee.surfaces.http.metering import spend
from burgee.testing.unreliable_budgets import UnreliableBudgetStore

CALLS = 200_000


def meter_on(path: Path | None) -> tuple[Meter, UnreliableBudgetStore]:
    """A meter that has just begun, and its store, which counts the steps."""
    inner = MemoryBudgetStore() if path is None else SqliteBudgetStore(Connections(path))
    store = UnreliableBudgetStore(inner)
    meter = Meter(
        store, "pendingLimit", seed_limit=10**9, clock=time.time, monotonic=time.monotonic, window_seconds=60
    )
    meter.spend()
    store.steps.clear()
    return meter, store


async def empty() -> None:
    for _ in range(CALLS):
        pass


async def called(meter: Meter) -> None:
    for _ in range(CALLS):
        if not meter.try_spend():
            meter.spend()


async def awaited(meter: Meter) -> None:
    limiter = anyio.CapacityLimiter(8)
    for _ in range(CALLS):
        await spend(meter, limiter)


def timed(work) -> tuple[float, float]:
    """Microseconds a call: of CPU time in all threads, and by the clock, waiting for the disk included."""
    began, began_cpu = time.perf_counter(), time.process_time()
    asyncio.run(work)
    cpu, wall = time.process_time() - began_cpu, time.perf_counter() - began
    return cpu / CALLS * 1e6, wall / CALLS * 1e6


def main() -> None:
    rounds = []
    with TemporaryDirectory() as folder:
        for number in range(int(sys.argv[1])):
            memory, _ = meter_on(None)
            sqlite, _ = meter_on(Path(folder) / f"{number}-called.db")
            route, store = meter_on(Path(folder) / f"{number}-awaited.db")
            bare = timed(empty())
            costs = [timed(called(memory)), timed(called(sqlite)), timed(awaited(route))]
            net = [cost - idle for each in costs for cost, idle in zip(each, bare, strict=True)]
            rounds.append([*net, len(store.steps) / CALLS])
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
