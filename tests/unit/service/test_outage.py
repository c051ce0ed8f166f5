"""What passes while a store does not answer."""

import pytest

from burgee.service.outage import Outage


@pytest.mark.parametrize(
    ("after", "passes"), [(0.0, False), (0.999, False), (1.0, True), (60.0, True), (60.001, False)]
)
def test_calls_pass_between_a_second_and_a_minute_of_outage(after: float, passes: bool) -> None:
    outage = Outage(workers=1)
    outage.begin(1000.0)
    assert (outage.wait(1000.0 + after) == 0) is passes


def test_the_outage_counts_from_the_first_failure() -> None:
    outage = Outage(workers=1)
    outage.begin(1000.0)
    outage.begin(1000.9)
    assert outage.wait(1001.0) == 0


@pytest.mark.parametrize(("workers", "after_a_second"), [(1, 10), (2, 5), (10, 1)])
def test_workers_share_the_rate(workers: int, after_a_second: int) -> None:
    outage = Outage(workers=workers)
    outage.begin(1000.0)
    assert sum(outage.wait(1001.0) == 0 for _ in range(100)) == 10
    assert sum(outage.wait(1002.0) == 0 for _ in range(100)) == after_a_second


@pytest.mark.parametrize(("after", "waits"), [(0.999, True), (1.0, False)])
def test_the_store_is_tried_again_after_a_second(after: float, waits: bool) -> None:
    outage = Outage(workers=1)
    assert not outage.is_waiting(1000.0)
    outage.begin(1000.0)
    assert outage.is_waiting(1000.0 + after) is waits


def test_an_outage_ends() -> None:
    outage = Outage(workers=1)
    outage.begin(1000.0)
    outage.end()
    assert not outage.is_on
    assert not outage.is_waiting(1000.0)
