"""Usage: batched writes, hours, a store that fails, stale flags."""

from collections.abc import Sequence

import pytest

from burgee.adapters.memory_usage import MemoryUsageStore
from burgee.errors import UnavailableError
from burgee.model.resolution import Reason
from burgee.model.usage import HOUR_SECONDS, UsageCount
from burgee.service import usage as module
from burgee.service.usage import KEPT_HOURS, Usage
from burgee.testing.builders import a_flag

START = 500_000.0 * HOUR_SECONDS
FLAG = a_flag(flag_set="checkout", key="banner", created_at=START - 10, updated_at=START - 10)


class FlakyStore(MemoryUsageStore):
    """Counts its writes, and refuses them while it is `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.away = False

    def add(self, counts: Sequence[UsageCount]) -> None:
        if self.away:
            raise UnavailableError("away")
        self.writes += 1
        super().add(counts)


class Bench:
    """A usage with a clock to turn."""

    def __init__(self) -> None:
        self.now = START
        self.store = FlakyStore()
        self.usage = Usage(self.store, clock=lambda: self.now)

    def evaluate(self, times: int = 1, variant: str | None = "on", key: str = "banner") -> None:
        for _ in range(times):
            self.usage.evaluated("checkout", key, variant, Reason.STATIC)

    def by_hour(self, hours: int = 48) -> dict[int, int]:
        counts = self.usage.of_flag(FLAG, hours=hours).counts
        return {(each.hour - int(START)) // HOUR_SECONDS: each.count for each in counts}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_many_evaluations_are_one_write(bench: Bench) -> None:
    bench.evaluate(1_000)
    bench.evaluate(500, variant=None)
    assert bench.store.writes == 0
    assert bench.usage.flush()
    assert bench.store.writes == 1
    found = bench.usage.of_flag(FLAG, hours=1)
    assert [(each.variant, each.count) for each in found.counts] == [("", 500), ("on", 1_000)]
    assert found.last_evaluated_at == START


def test_nothing_new_is_no_write(bench: Bench) -> None:
    bench.evaluate()
    bench.usage.flush()
    bench.usage.flush()
    assert bench.store.writes == 1


@pytest.mark.parametrize(("later", "hour"), [(HOUR_SECONDS - 0.001, 0), (HOUR_SECONDS, 1)])
def test_counts_belong_to_the_hour_of_their_flush(bench: Bench, later: float, hour: int) -> None:
    bench.now = START + later
    bench.evaluate(3)
    bench.usage.flush()
    assert bench.by_hour() == {hour: 3}


@pytest.mark.parametrize(("hours", "seen"), [(1, {2: 5}), (2, {1: 3, 2: 5}), (3, {0: 2, 1: 3, 2: 5})])
def test_the_present_hour_is_one_of_those_asked_for(bench: Bench, hours: int, seen: dict[int, int]) -> None:
    for place, times in enumerate([2, 3, 5]):
        bench.now = START + place * HOUR_SECONDS + 7
        bench.evaluate(times)
        bench.usage.flush()
    assert bench.by_hour(hours) == seen


def test_while_the_store_is_away_counts_wait_in_their_hours(bench: Bench) -> None:
    bench.store.away = True
    bench.evaluate(2)
    assert not bench.usage.flush()
    bench.now += HOUR_SECONDS
    bench.evaluate(3)
    assert not bench.usage.flush()
    bench.store.away = False
    assert bench.usage.flush()
    assert bench.by_hour() == {0: 2, 1: 3}
    assert {each.last_at for each in bench.usage.of_flag(FLAG, hours=48).counts} == {
        START,
        START + HOUR_SECONDS,
    }


def test_when_too_much_waits_the_oldest_hour_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_OUTCOMES", 2)
    bench.store.away = True
    for _ in range(3):
        bench.evaluate(1)
        bench.usage.flush()
        bench.now += HOUR_SECONDS
    bench.store.away = False
    bench.evaluate(1)
    bench.usage.flush()
    assert bench.by_hour() == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(("hours_later", "kept"), [(KEPT_HOURS, 1), (KEPT_HOURS + 1, 0)])
def test_counts_older_than_thirty_days_are_forgotten_and_the_last_time_is_not(
    bench: Bench, hours_later: int, kept: int
) -> None:
    bench.evaluate()
    bench.usage.flush()
    bench.now += hours_later * HOUR_SECONDS
    bench.evaluate(key="other")
    bench.usage.flush()
    assert len(bench.store.counts("checkout", "banner", since=0)) == kept
    assert bench.usage.last_evaluated("checkout", "banner") == START


def test_a_flag_does_not_inherit_the_usage_of_a_deleted_one(bench: Bench) -> None:
    bench.evaluate()
    bench.usage.flush()
    for created, seen in ((START - 1, 1), (START, 1), (START + 1, 0)):
        flag = a_flag(flag_set="checkout", key="banner", created_at=created)
        assert len(bench.usage.last_evaluations([flag])) == seen


def test_days_of_staleness_are_counted_back_from_now(bench: Bench) -> None:
    assert bench.usage.stale_before(2) == START - 2 * 86_400
