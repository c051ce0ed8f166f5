"""The supervisor on pretended processes: who is started, replaced, rolled over and stopped, and when."""

import os
import signal
from subprocess import Popen
from typing import Any, cast

import pytest

from burgee.entrypoints import supervisor
from burgee.entrypoints.supervisor import Worker
from burgee.surfaces.http.counters import PID, PUBLISHES

pytestmark = pytest.mark.timeout(30)


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_workers_start_and_all_are_stopped(fleet: Any, number: int) -> None:
    assert fleet.run(3, on_ready=lambda: tell(number)) == 0
    assert fleet.workers() == [0, 1, 2]
    assert fleet.told_to_go() == [True, True, True]


def test_a_worker_inherits_what_it_is_told_of_and_only_the_first_greets(fleet: Any) -> None:
    fleet.run(3, on_ready=lambda: tell(signal.SIGTERM))
    specs = [process.stdin.spec for process in fleet.processes]
    assert [process.inherited for process in fleet.processes] == [[7, 8, spec.ready_fd] for spec in specs]
    assert [(spec.slot, spec.greet) for spec in specs] == [(0, True), (1, False), (2, False)]


def test_a_server_whose_workers_cannot_start_ends_with_1(fleet: Any) -> None:
    fleet.fails = {2}
    assert fleet.run(3, on_ready=pytest.fail) == 1
    assert [process.signals for process in fleet.processes] == [[signal.SIGTERM], [signal.SIGKILL]]


def test_a_worker_that_does_not_go_is_killed(fleet: Any) -> None:
    fleet.leaves_after = 60

    def ready() -> None:
        fleet.processes[0].leaves_after = 0
        tell(signal.SIGTERM)

    assert fleet.run(2, on_ready=ready) == 0
    assert [signal.SIGKILL in process.signals for process in fleet.processes] == [False, True]


def test_a_worker_on_its_way_out_is_not_left_behind_either(fleet: Any) -> None:
    fleet.leaves_after = 60
    fleet.on_start = lambda count: tell(signal.SIGTERM) if count == 2 else None
    assert fleet.run(1, on_ready=lambda: tell(signal.SIGHUP)) == 0
    assert [process.signals[-1] for process in fleet.processes] == [signal.SIGKILL, signal.SIGKILL]


def test_a_dead_worker_is_replaced_by_one_of_its_number(fleet: Any) -> None:
    fleet.on_start = lambda count: tell(signal.SIGTERM) if count == 4 else None
    assert fleet.run(3, on_ready=lambda: fleet.processes[1].die()) == 0
    assert fleet.workers() == [0, 1, 2, 1]
    assert fleet.words == ["worker 1 ended with -9; another starts in 0.05 s"]
    assert fleet.told_to_go() == [True, False, True, True]


@pytest.mark.parametrize(
    ("changed", "value", "pauses"),
    [
        ("STEADY_SECONDS", 10.0, ["0.05", "0.10", "0.20"]),
        ("STEADY_SECONDS", -1.0, ["0.05", "0.05", "0.05"]),
        ("LONGEST_PAUSE_SECONDS", 0.07, ["0.05", "0.07", "0.07"]),
    ],
)
def test_the_pause_grows_up_to_a_bound_while_a_worker_dies_young(
    fleet: Any, monkeypatch: pytest.MonkeyPatch, changed: str, value: float, pauses: list[str]
) -> None:
    monkeypatch.setattr(supervisor, changed, value)
    fleet.on_start = lambda count: fleet.processes[-1].die() if count < 4 else tell(signal.SIGTERM)
    fleet.run(1)
    assert [word.split()[-2] for word in fleet.words] == pauses


def test_a_replacement_that_does_not_start_is_tried_again(fleet: Any) -> None:
    fleet.fails = {2}
    fleet.on_start = lambda count: tell(signal.SIGTERM) if count == 3 else None
    assert fleet.run(1, on_ready=lambda: fleet.processes[0].die()) == 0
    assert fleet.words[1:] == ["worker 0 did not start; another starts in 0.10 s"]


def test_slots_never_run_out_by_deaths_and_keep_their_counts_but_no_gauge(
    fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.0)
    fleet.on_start = lambda count: fleet.processes[-1].die() if count < 20 else tell(signal.SIGTERM)
    assert fleet.run(1) == 0
    assert fleet.counters.totals()[PUBLISHES] == 20
    assert [row[PID] for row in fleet.counters.living()] == [20]


def test_a_roll_replaces_each_worker_after_its_successor_is_ready(fleet: Any) -> None:
    seen: list[list[bool]] = []

    def started(count: int) -> None:
        seen.append(fleet.told_to_go())
        if count == 6:
            tell(signal.SIGTERM)

    fleet.on_start = started
    assert fleet.run(3, on_ready=lambda: tell(signal.SIGHUP)) == 0
    assert fleet.workers() == [0, 1, 2, 0, 1, 2]
    assert [sum(told) for told in seen] == [0, 0, 0, 0, 1, 2]
    assert all(fleet.told_to_go())
    assert fleet.words == []


def test_a_worker_whose_successor_does_not_start_goes_on(fleet: Any) -> None:
    told: list[bool] = []

    def started(count: int) -> None:
        if count == 4:
            told.extend(fleet.told_to_go())
            tell(signal.SIGTERM)

    fleet.fails, fleet.on_start = {3}, started
    assert fleet.run(2, on_ready=lambda: tell(signal.SIGHUP)) == 0
    assert fleet.workers() == [0, 1, 0, 1]
    assert fleet.words == ["worker 0 could not be replaced; the old one goes on"]
    assert told == [False, False, False, False]


def test_a_roll_is_left_for_a_stop(fleet: Any) -> None:
    fleet.on_start = lambda count: tell(signal.SIGTERM) if count == 4 else None
    assert fleet.run(3, on_ready=lambda: tell(signal.SIGHUP)) == 0
    assert fleet.workers() == [0, 1, 2, 0]
    assert all(fleet.told_to_go())


def test_a_second_roll_while_the_first_still_drains_ends_no_supervisor(fleet: Any) -> None:
    fleet.leaves_after = 0.3
    fleet.on_start = lambda count: tell(signal.SIGHUP) if count == 6 else None

    def ready() -> None:
        tell(signal.SIGHUP)
        fleet.stop_after(1.0)

    assert fleet.run(3, on_ready=ready) == 0


def test_a_roll_that_replaces_a_dead_worker_is_its_restart(fleet: Any) -> None:
    fleet.on_word = lambda word: tell(signal.SIGHUP)

    def ready() -> None:
        fleet.processes[0].die()
        fleet.stop_after(0.5)

    assert fleet.run(1, on_ready=ready) == 0
    assert fleet.told_to_go() == [False, True]


@pytest.mark.parametrize(("says", "is_ready"), [(b"r", True), (b"", False), (None, False)])
def test_a_worker_is_ready_once_it_says_so(says: bytes | None, is_ready: bool) -> None:
    ready, said = os.pipe()
    worker = Worker(cast("Popen[bytes]", None), number=0, slot=0, ready=ready)
    if says is not None:
        os.write(said, says)
        os.close(said)
    assert worker.wait_until_ready(0.05) is is_ready
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ready)
