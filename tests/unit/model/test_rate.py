"""GCRA: in any window of t seconds at most burst + rate * t calls (T7 of reliability.md 4.4)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.model.rate import Rate, admission

RATE = Rate(per_second=2.0, burst=3)


def admitted(times: list[float], rate: Rate = RATE) -> list[bool]:
    arrival, got = 0.0, []
    for now in times:
        arrival, wait = admission(arrival, now, rate=rate)
        got.append(wait == 0)
    return got


def test_a_burst_passes_at_once_and_not_one_more() -> None:
    assert admitted([100.0] * 5) == [True] * 3 + [False] * 2


@pytest.mark.parametrize(("later", "passes"), [(0.499, False), (0.5, True), (0.501, True)])
def test_after_a_burst_one_passes_in_each_interval(later: float, passes: bool) -> None:
    assert admitted([100.0] * 3 + [100.0 + later])[-1] is passes


def test_the_wait_is_exactly_what_is_needed() -> None:
    arrival = 0.0
    for _ in range(3):
        arrival, _ = admission(arrival, 100.0, rate=RATE)
    refused, wait = admission(arrival, 100.2, rate=RATE)
    assert refused == arrival
    assert wait == pytest.approx(0.3)
    assert admission(arrival, 100.2 + wait, rate=RATE).wait == 0


def test_a_pause_gives_the_burst_back_but_no_more_than_that() -> None:
    assert sum(admitted([100.0] * 3 + [10_000.0] * 5)) == 6


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    times = [100.0] * 3 + [10.0, 10.49, 10.51]
    assert admitted(times) == [True] * 3 + [False, False, True]


rates = st.builds(
    Rate, per_second=st.sampled_from([0.1, 1.0, 3.0, 7.0, 100.0, 1e6]), burst=st.integers(1, 50)
)


@given(
    rate=rates,
    pauses=st.lists(st.floats(0, 3) | st.just(0.0) | st.floats(1e-9, 1e-3), min_size=1, max_size=120),
    jumps=st.sets(st.integers(0, 119), max_size=3),
    start=st.floats(0, 1e9),
)
def test_no_window_ever_admits_more_than_its_share(
    rate: Rate, pauses: list[float], jumps: set[int], start: float
) -> None:
    true, shown, clock = start, [], 0.0
    times = []
    for place, pause in enumerate(pauses):
        true += pause
        if place in jumps:
            clock -= 90.0  # the clock that is asked is set back; time goes on
        times.append(true)
        shown.append(true + clock)
    passed = [time for time, got in zip(times, admitted(shown, rate), strict=True) if got]
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            bound = rate.burst + rate.per_second * (passed[last] - begin)
            # Times near 1e9 have a resolution of 1e-7 s.
            assert last - first + 1 <= math.floor(bound + 1e-6 + rate.per_second * 3e-7)
