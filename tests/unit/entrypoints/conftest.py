"""A fleet of pretended worker processes, for the tests of their supervisor."""

import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from burgee.entrypoints import supervisor
from burgee.entrypoints.supervisor import Supervisor, WorkerSpec
from burgee.surfaces.http.counters import PID, PUBLISHES, SharedCounters

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Told(io.BytesIO):
    """The standard input of a pretended process."""

    spec: WorkerSpec

    def close(self) -> None:
        self.spec = msgspec.json.decode(self.getvalue(), type=WorkerSpec)
        super().close()


class Process:
    """A process that is ready at once, and ends `leaves_after` seconds after SIGTERM."""

    def __init__(self, fleet: "Fleet", pass_fds: Sequence[int]) -> None:
        self.stdin, self.inherited, self.leaves_after = Told(), list(pass_fds), fleet.leaves_after
        self.returncode: int | None = None
        self.signals: list[int] = []
        self._ends_at = float("inf")
        fleet.processes.append(self)
        if len(fleet.processes) in fleet.fails:
            return
        fleet.count_in_slot()
        os.write(pass_fds[-1], b"r")
        fleet.on_start(len(fleet.processes))

    def die(self) -> None:
        self.returncode = -9
        os.kill(os.getpid(), signal.SIGCHLD)

    def poll(self) -> int | None:
        if self.returncode is None and time.monotonic() >= self._ends_at:
            self.returncode = 0
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        self._ends_at = time.monotonic() + self.leaves_after

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return 0

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)
        self.returncode = -9


class Fleet:
    """All processes that were started; the ones counted (from 1) in `fails` end before they are ready."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self.fails: set[int] = set()
        self.leaves_after = 0.0
        self.on_start: Callable[[int], None] = lambda count: None
        self.on_word: Callable[[str], None] = lambda word: None
        self.words: list[str] = []
        self.timers: list[threading.Timer] = []

    def run(self, count: int, on_ready: Callable[[], None] = lambda: None) -> int:
        """Supervise `count` workers, with as many slots as `serve` makes."""
        self.counters = SharedCounters.create(2 * count + 2)
        watch = Supervisor(count, make=self._make, counters=self.counters, descriptors=[7, 8], say=self._say)
        return watch.run(on_ready)

    def stop_after(self, seconds: float) -> None:
        """SIGTERM to the supervisor, that is to us."""
        self.timers.append(threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGTERM]))
        self.timers[-1].start()

    def workers(self) -> list[int]:
        """Which worker each process was."""
        return [int(process.stdin.spec.url) for process in self.processes]

    def told_to_go(self) -> list[bool]:
        return [signal.SIGTERM in process.signals for process in self.processes]

    def count_in_slot(self) -> None:
        cells = self.counters.slot(self._slot)
        cells[PID] = len(self.processes)
        cells[PUBLISHES] += 1

    def _make(self, number: int, slot: int, ready_fd: int, greet: bool) -> WorkerSpec:
        self._slot = slot
        return WorkerSpec(
            settings={},
            slot=slot,
            writes=number == 0,
            http_fd=7,
            operations_fd=8,
            counters_fd=9,
            ready_fd=ready_fd,
            url=str(number),
            greet=greet,
        )

    def _say(self, word: str) -> None:
        self.words.append(word)
        self.on_word(word)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Nothing has started yet; the supervisor's signal handlers are taken away again at the end."""
    made = Fleet()

    def start(command: list[str], *, stdin: int, pass_fds: Sequence[int]) -> Process:
        return Process(made, pass_fds)

    pretended: Any = SimpleNamespace(
        Popen=start, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired
    )
    monkeypatch.setattr(supervisor, "subprocess", pretended)
    before = {number: signal.getsignal(number) for number in HANDLED}
    yield made
    for timer in made.timers:
        timer.cancel()
        timer.join()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
