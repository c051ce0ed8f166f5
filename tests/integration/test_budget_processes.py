"""The request budget is exact across processes: T1, T2, T4 and T5 of reliability.md 4.4, on SQLite."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from burgee.adapters.sqlite.budgets import SqliteBudgetStore
from burgee.adapters.sqlite.connections import Connections
from burgee.model.budget import MANAGEMENT_BUDGET, BudgetState, Renewal, RequestBudget
from burgee.service.meter import LAST_CALLS, SHARES
from burgee.testing.budget_spender import Spent
from burgee.testing.builders import THE_DAY

PROCESSES = 64
LIMIT = 10_000
Process = subprocess.Popen[bytes]


class Desk:
    """The row that all processes spend from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections = Connections(path)
        self.store = SqliteBudgetStore(self._connections)

    def seed(self, limit: int) -> None:
        self.store.seed(RequestBudget(limit_type=MANAGEMENT_BUDGET, limit_value=limit, limit=limit))

    def renew(self, state: BudgetState, limit: int | None = None) -> None:
        renewal = Renewal(state=state, at=THE_DAY, limit_value=limit, limit=limit)
        assert self.store.renew(MANAGEMENT_BUDGET, renewal) is not None

    @property
    def row(self) -> RequestBudget:
        row = self.store.read(MANAGEMENT_BUDGET)
        assert row is not None
        return row

    def close(self) -> None:
        self._connections.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "flags.db")
    yield opened
    opened.close()


@contextmanager
def spenders(desk: Desk, count: int, *, shares: int, aloud: bool = False) -> Iterator[list[Process]]:
    """Processes that are ready to spend, and wait for `begin`."""
    command = [sys.executable, "-m", "burgee.testing.budget_spender", str(desk.path), str(shares)]
    command += ["aloud"] if aloud else []
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


def begin(processes: list[Process]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()


def spent(process: Process) -> Spent:
    assert process.stdout is not None
    return msgspec.json.decode(process.stdout.read().splitlines()[-1], type=Spent)


@pytest.mark.timeout(120)
def test_t1_of_64_processes_exactly_the_limit_is_admitted(desk: Desk) -> None:
    desk.seed(LIMIT)
    with spenders(desk, PROCESSES, shares=PROCESSES) as processes:
        begin(processes)
        results = [spent(process) for process in processes]
    admitted = sum(result.admitted for result in results)
    steps = sum(result.steps for result in results)
    print(f"T1: admitted {admitted} of {LIMIT} by {PROCESSES} processes, {steps / LIMIT:.3f} steps a request")
    assert (admitted, desk.row.limit_value, desk.row.state) == (LIMIT, 0, BudgetState.TRIPPED)
    assert [result.failed for result in results] == [0] * PROCESSES
    assert steps / LIMIT <= 0.15


@pytest.mark.timeout(120)
def test_t2_of_processes_that_are_killed_no_call_counts_twice(desk: Desk) -> None:
    count, limit, largest_lease = 16, 3000, (3000 - LAST_CALLS) // (SHARES * 16)
    chance = random.Random(2)
    desk.seed(limit)
    with spenders(desk, count, shares=count, aloud=True) as processes:
        begin(processes)
        time.sleep(0.2)
        dead = chance.sample(processes, round(count * 0.3))
        for process in dead:
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
        assert all(process.stdout is not None for process in processes)
        said = [process.stdout.read() for process in processes if process.stdout is not None]
    dots = [text.partition(b"\n")[0].count(b".") for text in said]
    stranded = limit - sum(dots)
    print(f"T2: admitted {sum(dots)} of {limit}, {len(dead)} killed, {stranded} stranded")
    # A call that was admitted just before the kill may not have been counted aloud.
    assert 0 <= stranded <= len(dead) * largest_lease
    assert desk.row.limit_value == 0


@pytest.mark.timeout(120)
def test_t4_a_hundred_resets_grant_what_they_say_and_leave_nobody_outside(desk: Desk) -> None:
    desk.seed(50)
    with spenders(desk, 8, shares=8) as processes:
        begin(processes)
        for _ in range(100):
            desk.renew(BudgetState.OPEN, 50)
            time.sleep(0.02)
        give_up = time.monotonic() + 10
        while desk.row.state is not BudgetState.TRIPPED:
            assert time.monotonic() < give_up, "the last reset was not spent: somebody is stuck"
            time.sleep(0.01)
        results = [spent(process) for process in processes]
    admitted = sum(result.admitted for result in results)
    print(f"T4: admitted {admitted} of {101 * 50} granted")
    assert 50 <= admitted <= 101 * 50
    assert desk.row.epoch == 101


@pytest.mark.timeout(120)
def test_t5_a_second_after_a_stop_nobody_spends(desk: Desk) -> None:
    desk.seed(10**9)
    with spenders(desk, 8, shares=8, aloud=True) as processes:
        begin(processes)
        time.sleep(0.5)
        desk.renew(BudgetState.FORCED)
        acknowledged = time.monotonic()
        results = [spent(process) for process in processes]
    assert all(result.admitted > 10 for result in results)
    latest = max(result.last_at for result in results) - acknowledged
    print(f"T5: the last call passed {latest:.3f} s after the stop")
    assert latest < 1.0
