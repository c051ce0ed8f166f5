"""Rates by key, in one process."""

import pytest

from burgee.errors import TooManyRequestsError
from burgee.model.rate import Rate
from burgee.service.rate_limits import RateLimits
from burgee.testing.workshop import HandClock

RATE = Rate(per_second=2.0, burst=4)


def passes(limits: RateLimits, key: str) -> bool:
    try:
        limits.admit(key)
    except TooManyRequestsError:
        return False
    return True


def test_each_key_has_its_own_rate() -> None:
    limits = RateLimits(RATE, monotonic=HandClock())
    assert [passes(limits, "a") for _ in range(5)] == [True] * 4 + [False]
    assert passes(limits, "b")


def test_a_refusal_says_when_to_come_back() -> None:
    clock = HandClock()
    limits = RateLimits(RATE, monotonic=clock)
    for _ in range(4):
        limits.admit("a")
    with pytest.raises(TooManyRequestsError) as caught:
        limits.admit("a")
    assert caught.value.limit == 4
    assert caught.value.retry_after == pytest.approx(0.5)
    clock.now += caught.value.retry_after
    assert passes(limits, "a")


def test_a_refused_call_is_not_held_against_its_caller() -> None:
    clock = HandClock()
    limits = RateLimits(RATE, monotonic=clock)
    for _ in range(1000):
        passes(limits, "a")
    clock.now += 0.5
    assert passes(limits, "a")


@pytest.mark.parametrize(("others", "remembered"), [(2, True), (3, False)])
def test_the_key_seen_longest_ago_is_forgotten_first(others: int, remembered: bool) -> None:
    limits = RateLimits(Rate(per_second=1.0, burst=1), monotonic=HandClock(), known_keys=3)
    limits.admit("a")
    for number in range(others):
        limits.admit(f"other-{number}")
    assert passes(limits, "a") is not remembered
