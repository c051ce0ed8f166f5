"""The meter: no more is admitted than was granted, and hardly a call costs a step of the store."""

import random

import pytest

from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.errors import TooManyRequestsError, UnavailableError
from burgee.model.budget import BudgetMode, BudgetScope, BudgetState, Renewal, RequestBudget
from burgee.service.meter import LARGEST_LEASE, LAST_CALLS, Meter
from burgee.testing.builders import THE_DAY
from burgee.testing.unreliable_budgets import UnreliableBudgetStore
from burgee.testing.workshop import HandClock

KIND = "pendingLimit"


class Workers:
    """Meters of several workers on one store, and the two clocks that they all read."""

    def __init__(
        self,
        count: int = 1,
        *,
        limit: int = 10,
        window: float | None = None,
        mode: BudgetMode = BudgetMode.ENFORCE,
        store: UnreliableBudgetStore | None = None,
    ) -> None:
        self.wall, self.monotonic = HandClock(), HandClock(1000.0)
        self.store = store if store is not None else UnreliableBudgetStore()
        self.trips: list[RequestBudget] = []
        self.meters = [
            Meter(
                self.store,
                KIND,
                seed_limit=limit,
                clock=self.wall,
                monotonic=self.monotonic,
                workers=count,
                window_seconds=window,
                mode=mode,
                tripped=self.trips.append,
            )
            for _ in range(count)
        ]

    def pass_time(self, seconds: float) -> None:
        self.wall.now += seconds
        self.monotonic.now += seconds

    def admits(self, worker: int = 0) -> bool:
        meter = self.meters[worker]
        if meter.try_spend():
            return True
        try:
            meter.spend()
        except TooManyRequestsError:
            return False
        return True

    def admitted(self, calls: int, worker: int = 0) -> int:
        return sum(self.admits(worker) for _ in range(calls))

    def reset(self, limit: int, worker: int = 0) -> RequestBudget:
        meter = self.meters[worker]
        end = meter.window_end()
        renewal = Renewal(
            state=BudgetState.OPEN, at=self.wall(), limit_value=limit, limit=limit, window_ends_at=end
        )
        return meter.renew(renewal)

    def force(self, worker: int = 0) -> None:
        self.meters[worker].renew(Renewal(state=BudgetState.FORCED, at=self.wall()))

    def stored(self) -> RequestBudget:
        row = self.store.read(KIND)
        assert row is not None
        return row


# -- how many are admitted


@pytest.mark.parametrize("limit", [1, 2, 10, 1000])
def test_exactly_as_many_calls_pass_as_the_limit_says(limit: int) -> None:
    assert Workers(limit=limit).admitted(limit + 5) == limit


@pytest.mark.parametrize("limit", [1, 2, 10, 1000])
def test_each_call_is_counted_as_admitted_or_as_refused(limit: int) -> None:
    workers = Workers(limit=limit)
    workers.admitted(limit + 5)
    assert (workers.meters[0].admitted, workers.meters[0].refused) == (limit, 5)


def test_t8_set_to_one_the_first_call_passes_and_the_second_does_not() -> None:
    workers = Workers()
    workers.reset(1)
    assert [workers.admits(), workers.admits()] == [True, False]
    workers.reset(20)
    assert workers.admitted(25) == 20


@pytest.mark.parametrize("count", [2, 8])
def test_several_workers_share_one_limit(count: int) -> None:
    workers = Workers(count, limit=1000)
    chance = random.Random(1)
    assert sum(workers.admits(chance.randrange(count)) for _ in range(3000)) == 1000


def test_a_worker_that_dies_costs_its_lease_and_nothing_else() -> None:
    workers = Workers(4, limit=1000)
    passed = workers.admitted(1, worker=0)
    lost = workers.meters[0].left
    assert lost == (1000 - LAST_CALLS) // 12 - 1
    for worker in (1, 2, 3):
        passed += workers.admitted(1000, worker)
    assert passed == 1000 - lost


def test_a_worker_that_stops_gives_its_lease_back() -> None:
    workers = Workers(4, limit=1000)
    workers.admits()
    workers.meters[0].close()
    assert workers.stored().limit_value == 999
    workers.meters[0].close()
    assert workers.stored().limit_value == 999


def test_t3_an_answer_that_is_lost_wastes_its_lease_and_admits_nobody() -> None:
    chance = random.Random(3)
    lost = list[int]()

    def loses() -> bool:
        lost.append(chance.random() < 0.05)
        return bool(lost[-1])

    workers = Workers(4, limit=2000, store=UnreliableBudgetStore(loses_answer=loses))
    admitted = 0
    for call in range(4000):
        workers.pass_time(0.01)
        try:
            admitted += workers.admits(call % 4)
        except UnavailableError:
            continue
    assert sum(lost) > 0
    assert 2000 - sum(lost) * LARGEST_LEASE <= admitted <= 2000


# -- what it costs


@pytest.mark.parametrize(("count", "limit"), [(1, 1000), (2, 1000), (8, 10_000)])
def test_hardly_a_call_costs_a_step_of_the_store(count: int, limit: int) -> None:
    workers = Workers(count, limit=limit)
    for call in range(limit):
        assert workers.admits(call % count)
    assert len(workers.store.steps) / limit <= 0.15


@pytest.mark.parametrize(
    ("count", "limit", "lease"),
    [
        (1, 2, 1),
        (1, 5, 1),
        (1, 6, 2),
        (1, 3 * LARGEST_LEASE - 1, LARGEST_LEASE - 1),
        (1, 3 * LARGEST_LEASE, LARGEST_LEASE),
        (1, 10**9, LARGEST_LEASE),
        (2, LAST_CALLS, 1),
        (2, LAST_CALLS + 11, 1),
        (2, LAST_CALLS + 12, 2),
    ],
)
def test_a_lease_is_a_share_of_what_is_left(count: int, limit: int, lease: int) -> None:
    workers = Workers(count, limit=limit)
    workers.admits()
    assert workers.meters[0].left == lease - 1


def test_refusals_are_repeated_from_memory_for_a_tenth_of_a_second() -> None:
    workers = Workers(limit=1)
    workers.admitted(3)
    steps = len(workers.store.steps)
    assert workers.admitted(100) == 0
    assert len(workers.store.steps) == steps
    workers.pass_time(0.11)
    assert workers.admitted(100) == 0
    assert len(workers.store.steps) == steps + 1


# -- the breaker


def test_the_breaker_trips_once_and_says_so() -> None:
    workers = Workers(2, limit=1)
    workers.admitted(5, worker=0)
    workers.pass_time(0.2)
    workers.admitted(5, worker=1)
    assert [row.state for row in workers.trips] == [BudgetState.TRIPPED]
    assert workers.stored().tripped_at == THE_DAY


def test_a_refusal_says_what_was_exceeded_and_when_to_come_back() -> None:
    workers = Workers(limit=1)
    workers.admits()
    with pytest.raises(TooManyRequestsError, match="used up") as caught:
        workers.meters[0].spend()
    assert (caught.value.limit, caught.value.retry_after) == (1, 60.0)
    assert workers.meters[0].refused == 1


def test_a_reset_opens_it_for_this_worker_at_once_and_for_others_in_a_moment() -> None:
    workers = Workers(2, limit=1)
    assert workers.admitted(2, worker=0) == 1
    assert workers.admitted(2, worker=1) == 0
    workers.reset(100, worker=0)
    assert workers.admits(worker=0)
    assert not workers.admits(worker=1)
    workers.pass_time(0.1)
    assert workers.admits(worker=1)


def test_t5_a_stop_reaches_other_workers_within_a_second() -> None:
    workers = Workers(2, limit=1000)
    assert workers.admitted(5, 0) + workers.admitted(5, 1) == 10
    workers.force(worker=0)
    assert not workers.admits(worker=0)
    workers.pass_time(0.999)
    assert workers.admits(worker=1)  # its lease has not been looked at
    workers.pass_time(0.001)
    assert workers.admitted(100, worker=1) == 0


def test_a_worker_that_is_told_to_follow_stops_sooner() -> None:
    workers = Workers(2, limit=1000)
    workers.admits(worker=1)
    workers.pass_time(0.41)
    workers.force(worker=0)
    workers.meters[1].follow()
    assert not workers.admits(worker=1)


@pytest.mark.parametrize(("later", "steps"), [(0.39, 0), (0.41, 1)])
def test_following_asks_the_store_only_now_and_then(later: float, steps: int) -> None:
    workers = Workers(limit=1000)
    workers.meters[0].follow()
    before = len(workers.store.steps)
    workers.pass_time(later)
    workers.meters[0].follow()
    assert len(workers.store.steps) - before == steps


def test_a_stop_says_who_and_what() -> None:
    workers = Workers()
    workers.meters[0].renew(Renewal(state=BudgetState.FORCED, at=THE_DAY, scope=BudgetScope.MANAGEMENT))
    with pytest.raises(TooManyRequestsError, match="stopped the management API"):
        workers.meters[0].spend()


def test_t4_resets_in_the_middle_never_grant_more_than_they_say() -> None:
    chance = random.Random(4)
    workers = Workers(4, limit=50)
    granted, admitted = 50, 0
    for _ in range(100):
        for _ in range(chance.randrange(120)):
            workers.pass_time(chance.random() * 0.01)
            admitted += workers.admits(chance.randrange(4))
        workers.reset(50, worker=chance.randrange(4))
        granted += 50
        workers.pass_time(0.1)
        assert workers.admits(chance.randrange(4))  # never stuck closed
        admitted += 1
        assert admitted <= granted


# -- windows


@pytest.mark.parametrize(("later", "passes"), [(59.9, False), (60.0, True)])
def test_a_window_fills_the_budget_again(later: float, passes: bool) -> None:
    workers = Workers(limit=2, window=60.0)
    assert workers.admitted(3) == 2
    workers.pass_time(later)
    assert workers.admits() is passes


def test_a_refusal_names_the_end_of_the_window() -> None:
    workers = Workers(limit=1, window=60.0)
    workers.admits()
    workers.pass_time(20)
    with pytest.raises(TooManyRequestsError) as caught:
        workers.meters[0].spend()
    assert caught.value.retry_after == pytest.approx(40.0)


def test_a_new_window_gives_the_limit_once_however_many_workers_see_it() -> None:
    workers = Workers(4, limit=100, window=60.0)
    assert sum(workers.admitted(200, worker) for worker in range(4)) == 100
    workers.pass_time(60)
    assert sum(workers.admitted(200, worker) for worker in range(4)) == 100
    assert workers.stored().epoch == 2


def test_what_was_not_used_is_not_carried_over() -> None:
    workers = Workers(limit=100, window=60.0)
    workers.admitted(10)
    workers.pass_time(60)
    assert workers.admitted(200) == 100


def test_a_reset_begins_a_window_and_sets_what_later_ones_give() -> None:
    workers = Workers(limit=100, window=60.0)
    workers.pass_time(59)
    workers.reset(3)
    workers.pass_time(59)
    assert workers.admitted(10) == 3
    workers.pass_time(1)
    assert workers.admitted(10) == 3


def test_a_window_does_not_end_a_stop() -> None:
    workers = Workers(limit=100, window=60.0)
    workers.force()
    workers.pass_time(3600)
    assert not workers.admits()
    assert workers.meters[0].read().state is BudgetState.FORCED


def test_reading_begins_the_window_that_is_due() -> None:
    workers = Workers(limit=1, window=60.0)
    workers.admitted(2)
    workers.pass_time(60)
    assert (workers.meters[0].read().state, workers.meters[0].read().limit_value) == (BudgetState.OPEN, 1)


def test_a_clock_that_is_set_back_neither_fills_the_budget_nor_stops_it_for_years() -> None:
    workers = Workers(limit=2, window=60.0)
    assert workers.admitted(3) == 2
    workers.wall.now -= 90
    workers.monotonic.now += 1
    assert not workers.admits()
    assert workers.stored().window_ends_at == workers.wall() + 60
    workers.pass_time(60)
    assert workers.admits()


# -- observing


def test_in_observe_mode_nothing_is_refused_but_counted() -> None:
    workers = Workers(limit=2, mode=BudgetMode.OBSERVE)
    assert workers.admitted(5) == 5
    assert (workers.meters[0].admitted, workers.meters[0].refused) == (2, 3)
    assert len(workers.trips) == 1


def test_a_stop_holds_in_observe_mode_too() -> None:
    workers = Workers(mode=BudgetMode.OBSERVE)
    workers.force()
    assert not workers.admits()


# -- a store that fails


def test_what_is_leased_goes_on_while_the_store_is_down() -> None:
    workers = Workers(limit=1000)
    workers.admits()
    left = workers.meters[0].left
    workers.store.is_down = True
    workers.pass_time(5)
    assert workers.admitted(left) == left


def test_a_failure_that_passes_within_a_second_admits_nobody() -> None:
    workers = Workers(limit=3)
    workers.admits()
    workers.store.is_down = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            workers.meters[0].spend()
        workers.pass_time(0.3)
    workers.store.is_down = False
    workers.pass_time(1)
    assert workers.admitted(5) == 2


@pytest.mark.parametrize("count", [1, 4])
def test_t6_a_minute_without_the_store_admits_no_more_than_a_rate_and_trips_nothing(count: int) -> None:
    workers = Workers(count, limit=4)
    workers.meters[0].follow()
    workers.store.is_down = True
    admitted = 0
    for _ in range(600):
        workers.pass_time(0.1)
        for worker in range(count):
            for _ in range(5):
                try:
                    admitted += workers.admits(worker)
                except UnavailableError as error:
                    assert error.retry_after > 0
    assert 500 < admitted <= count * 10 + 10 * 60
    assert sum(meter.admitted for meter in workers.meters) == admitted
    assert sum(meter.refused for meter in workers.meters) == 0  # 503 is no refusal of the budget
    workers.store.is_down = False
    assert (workers.stored().state, workers.trips) == (BudgetState.OPEN, [])
    workers.pass_time(1)
    assert sum(workers.admitted(5, worker) for worker in range(count)) == 4


def test_after_a_minute_nothing_is_admitted_without_the_store() -> None:
    workers = Workers()
    workers.store.is_down = True
    refusals = 0
    for _ in range(200):
        workers.pass_time(1)
        try:
            workers.meters[0].spend()
        except UnavailableError:
            refusals += 1
    assert refusals >= 139


def test_the_store_is_tried_once_a_second_while_it_is_down() -> None:
    workers = Workers()
    workers.store.is_down = True
    for _ in range(100):
        workers.pass_time(0.1)
        with pytest.raises(UnavailableError) if workers.monotonic() < 1001 else _anything():
            workers.meters[0].spend()
    assert len(workers.store.steps) <= 11


@pytest.mark.parametrize("close", ["trip", "force"])
def test_a_breaker_that_was_open_stays_so_while_the_store_is_down(close: str) -> None:
    workers = Workers(limit=1)
    if close == "trip":
        workers.admitted(2)
    else:
        workers.force()
    workers.store.is_down = True
    for _ in range(100):
        workers.pass_time(1)
        assert not workers.admits()


def test_in_observe_mode_an_outage_refuses_nobody() -> None:
    workers = Workers(mode=BudgetMode.OBSERVE)
    workers.store.is_down = True
    workers.pass_time(100)
    assert workers.admitted(50) == 50


def test_a_store_that_reads_but_does_not_write_is_an_outage_too() -> None:
    class Full(UnreliableBudgetStore):
        def take(self, *arguments: object, **more: object) -> None:
            raise UnavailableError("the disk is full")

    workers = Workers(store=Full())
    for _ in range(20):
        workers.pass_time(0.5)
        workers.meters[0].follow()
        with pytest.raises(UnavailableError) if workers.monotonic() < 1001.5 else _anything():
            workers.meters[0].spend()
    workers.meters[0].spend()


def test_a_row_that_somebody_deleted_is_made_again() -> None:
    class Forgetful(MemoryBudgetStore):
        def forget(self) -> None:
            self._rows.clear()

    inner = Forgetful()
    workers = Workers(limit=4, store=UnreliableBudgetStore(inner))
    assert workers.admitted(2) == 2
    inner.forget()
    assert workers.admitted(10) == 4
    inner.forget()
    assert workers.reset(7).limit_value == 7


def test_closing_without_the_store_is_no_error() -> None:
    workers = Workers(limit=100)
    workers.admits()
    workers.store.is_down = True
    workers.meters[0].close()


class _anything:
    """A block that may raise UnavailableError or not."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is None or issubclass(kind, UnavailableError)
