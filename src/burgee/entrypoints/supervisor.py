"""The supervisor of several workers: starts them, replaces the dead, rolls them over, stops them.

It has no event loop and no threads; it holds the sockets, the lock of the data folder and the counters,
which the workers inherit, so that no connection that the kernel has queued is lost when a worker ends.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import msgspec

from burgee.surfaces.http.counters import SharedCounters

STOP_SECONDS = 6.0
START_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process is told on its standard input."""

    settings: dict[str, str]
    slot: int
    writes: bool
    http_fd: int
    operations_fd: int
    counters_fd: int
    ready_fd: int
    url: str
    greet: bool = False


class Worker:
    """A worker process and where it stands."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, number: int, slot: int, ready: int) -> None:
        self.process, self.number, self.slot, self._ready = process, number, slot, ready
        self.started_at = time.monotonic()

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether it said so in time; a worker that dies instead says nothing."""
        readable, _, _ = select.select([self._ready], [], [], seconds)
        said = os.read(self._ready, 1) if readable else b""
        os.close(self._ready)
        return bool(said)


class Supervisor:
    """Keeps `count` workers running; `make` gives what each is told, but for its slot and its pipe."""

    def __init__(
        self,
        count: int,
        *,
        make: Callable[[int, int, int, bool], WorkerSpec],
        counters: SharedCounters,
        descriptors: Sequence[int],
        say: Callable[[str], None],
    ) -> None:
        self._count, self._make, self._counters, self._say = count, make, counters, say
        self._descriptors = tuple(descriptors)
        self._free = list(range(counters.slots))
        self._workers: dict[int, Worker] = {}
        self._leaving: list[Worker] = []
        self._crashes = [0] * count
        self._due: dict[int, float] = {}
        self._signals: list[int] = []

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT; the exit status: 1 where the workers cannot start at all."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(each, self._note)
        for number in range(self._count):
            if not self._start(number, greet=number == 0):
                self._stop()
                return 1
        on_ready()
        while True:
            pause = min([due - time.monotonic() for due in self._due.values()], default=60.0)
            select.select([wake_read], [], [], max(0.0, pause))
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
            noted, self._signals = self._signals, []
            if signal.SIGTERM in noted or signal.SIGINT in noted:
                self._stop()
                return 0
            self._reap()
            if signal.SIGHUP in noted:
                self._roll()
            self._restart_due()

    def _note(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)

    def _start(self, number: int, *, greet: bool = False) -> bool:
        if not self._free:
            self._see_off(self._leaving[0])
        slot = self._free.pop(0)
        ready, said = os.pipe()
        spec = self._make(number, slot, said, greet)
        process = subprocess.Popen(
            [sys.executable, "-m", "burgee.entrypoints.worker"],
            stdin=subprocess.PIPE,
            pass_fds=[*self._descriptors, said],
        )
        os.close(said)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(spec))
            process.stdin.close()
        worker = Worker(process, number=number, slot=slot, ready=ready)
        if worker.wait_until_ready(START_SECONDS):
            self._workers[number] = worker
            self._due.pop(number, None)
            return True
        process.kill()
        process.wait()
        self._retire(worker)
        return False

    def _roll(self) -> None:
        """Replace the workers one by one: the new one serves before the old one is told to go."""
        for number in range(self._count):
            old = self._workers.get(number)
            if not self._start(number):
                self._say(f"worker {number} could not be replaced; the old one goes on")
                continue
            if old is not None:
                old.process.send_signal(signal.SIGTERM)
                self._leaving.append(old)
            if {signal.SIGTERM, signal.SIGINT} & set(self._signals):
                return

    def _reap(self) -> None:
        for worker in [each for each in self._leaving if each.process.poll() is not None]:
            self._leaving.remove(worker)
            self._retire(worker)
        for number, worker in list(self._workers.items()):
            if worker.process.poll() is None:
                continue
            del self._workers[number]
            self._retire(worker)
            steady = time.monotonic() - worker.started_at > STEADY_SECONDS
            self._crashes[number] = 1 if steady else self._crashes[number] + 1
            self._plan(number, f"ended with {worker.process.returncode}")

    def _plan(self, number: int, why: str) -> None:
        pause = min(LONGEST_PAUSE_SECONDS, 0.05 * 2.0 ** min(self._crashes[number] - 1, 10))
        self._due[number] = time.monotonic() + pause
        self._say(f"worker {number} {why}; another starts in {pause:.2f} s")

    def _restart_due(self) -> None:
        for number in [each for each, due in self._due.items() if due <= time.monotonic()]:
            if not self._start(number):
                self._crashes[number] += 1
                self._plan(number, "did not start")

    def _see_off(self, worker: Worker) -> None:
        """Wait for a worker that was told to go; its slot is needed."""
        try:
            worker.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        self._leaving.remove(worker)
        self._retire(worker)

    def _retire(self, worker: Worker) -> None:
        self._counters.retire(worker.slot)
        self._free.append(worker.slot)

    def _stop(self) -> None:
        going = [*self._workers.values(), *self._leaving]
        for worker in going:
            worker.process.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS
        for worker in going:
            try:
                worker.process.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
