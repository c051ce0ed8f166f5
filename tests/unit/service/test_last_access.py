"""Last access: noted at once, written in batches, never going back, never lost to a passing failure."""

import threading
import time
from collections.abc import Mapping

from burgee.adapters.access_times import MemoryAccessTimes
from burgee.errors import UnavailableError
from burgee.service.last_access import LastAccess
from burgee.testing.workshop import HandClock


class CountedTimes(MemoryAccessTimes):
    """Counts batches; refuses everything while it is `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[dict[str, float]] = []
        self.broken = False

    def note(self, times: Mapping[str, float]) -> None:
        if self.broken:
            raise UnavailableError("the disk is away")
        self.batches.append(dict(times))
        super().note(times)

    def last(self, flag_id: str) -> float | None:
        if self.broken:
            raise UnavailableError("the disk is away")
        return super().last(flag_id)


def test_a_read_is_known_at_once_and_written_with_the_next_batch() -> None:
    clock, times = HandClock(10.0), CountedTimes()
    access = LastAccess(times, clock=clock)
    assert access.last("a") is None
    assert access.note("a") == 10.0
    assert (access.last("a"), times.batches) == (10.0, [])
    assert access.flush()
    assert (access.last("a"), times.last("a")) == (10.0, 10.0)


def test_a_thousand_reads_are_one_batch_with_one_time_each() -> None:
    clock, times = HandClock(0.0), CountedTimes()
    access = LastAccess(times, clock=clock)
    for _ in range(1_000):
        clock.now += 1
        access.note("a")
        access.note("b")
    access.flush()
    access.flush()
    assert times.batches == [{"a": 1_000.0, "b": 1_000.0}]


def test_a_clock_that_goes_back_takes_no_time_back() -> None:
    clock = HandClock(10.0)
    access = LastAccess(CountedTimes(), clock=clock)
    access.note("a")
    clock.now = 9.0
    access.note("a")
    assert access.last("a") == 10.0


def test_what_the_store_refuses_is_written_later() -> None:
    times = CountedTimes()
    access = LastAccess(times, clock=HandClock(10.0))
    times.broken = True
    access.note("a")
    assert not access.flush()
    assert (access.last("a"), access.last("b")) == (10.0, None)
    times.broken = False
    assert access.flush()
    assert times.last("a") == 10.0


def test_a_read_noted_while_a_batch_is_written_is_in_the_next() -> None:
    clock = HandClock(10.0)

    class Interrupted(CountedTimes):
        def note(self, times: Mapping[str, float]) -> None:
            if not self.batches:
                clock.now = 11.0
                access.note("a")
            super().note(times)

    times = Interrupted()
    access = LastAccess(times, clock=clock)
    access.note("a")
    access.flush()
    assert (times.last("a"), access.last("a")) == (10.0, 11.0)
    access.flush()
    assert times.last("a") == 11.0


def test_the_thread_writes_soon_and_closing_writes_the_rest() -> None:
    times = CountedTimes()
    access = LastAccess(times, clock=HandClock(10.0), pause_seconds=0.01)
    access.start()
    access.note("a")
    give_up = time.monotonic() + 5
    while times.last("a") is None:
        assert time.monotonic() < give_up
        time.sleep(0.005)
    access.note("b")
    access.close()
    assert times.last("b") == 10.0
    assert not [each for each in threading.enumerate() if each is access._thread]


def test_a_store_that_is_back_gets_what_was_read_meanwhile_without_another_read() -> None:
    times = CountedTimes()
    times.broken = True
    access = LastAccess(times, clock=HandClock(10.0), pause_seconds=0.01)
    access.start()
    access.note("a")
    time.sleep(0.05)
    times.broken = False
    give_up = time.monotonic() + 5
    while not times.batches:
        assert time.monotonic() < give_up
        time.sleep(0.005)
    access.close()
    assert times.last("a") == 10.0


def test_closing_what_was_never_started_writes_too() -> None:
    times = CountedTimes()
    access = LastAccess(times, clock=HandClock(10.0))
    access.note("a")
    access.close()
    assert times.last("a") == 10.0
