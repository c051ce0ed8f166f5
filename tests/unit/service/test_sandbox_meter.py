"""A limit that one process counts by itself: just below, at and just above; windows; clocks that are set."""

import pytest

from burgee.errors import TooManyRequestsError
from burgee.service.sandbox_meter import SandboxMeter


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def admitted(meter: SandboxMeter, calls: int) -> int:
    passed = 0
    for _ in range(calls):
        try:
            meter.spend()
        except TooManyRequestsError:
            continue
        passed += 1
    return passed


@pytest.mark.parametrize(("calls", "passed"), [(2, 2), (3, 3), (4, 3)])
def test_a_window_admits_its_limit_and_no_more(calls: int, passed: int) -> None:
    assert admitted(SandboxMeter(3, 60, clock=Time()), calls) == passed


@pytest.mark.parametrize(("seconds", "passed"), [(59.9, 0), (60.0, 3), (1_000.0, 3)])
def test_the_next_window_begins_with_the_first_call_after_the_last_one(seconds: float, passed: int) -> None:
    clock = Time()
    meter = SandboxMeter(3, 60, clock=clock)
    assert admitted(meter, 5) == 3
    clock.now += seconds
    assert admitted(meter, 5) == passed


def test_a_refusal_says_when_the_window_ends_and_what_the_limit_is() -> None:
    clock = Time()
    meter = SandboxMeter(1, 60, clock=clock)
    meter.spend()
    clock.now += 20
    with pytest.raises(TooManyRequestsError) as refused:
        meter.spend()
    assert (refused.value.retry_after, refused.value.limit) == (40, 1)


def test_a_clock_that_was_set_back_refuses_nobody_for_longer_than_a_window() -> None:
    clock = Time()
    meter = SandboxMeter(1, 60, clock=clock)
    meter.spend()
    clock.now -= 500
    assert admitted(meter, 2) == 1


def test_what_is_only_observed_is_counted_and_passes() -> None:
    meter = SandboxMeter(1, 60, clock=Time(), only_observes=True)
    assert admitted(meter, 3) == 3
    assert meter.refused == 2
