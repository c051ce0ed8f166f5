"""The request budget is exact on dynalite: T1 to T4 of reliability.md 4.4, and lost answers one by one."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from burgee.adapters.aws.session import aws_client
from burgee.adapters.dynamodb.budgets import DynamoBudgetStore
from burgee.errors import TooManyRequestsError, UnavailableError
from burgee.model.budget import BudgetState, Renewal
from burgee.service.meter import LAST_CALLS, SHARES, Meter
from burgee.testing.aws.emulators import black_hole, create_tables
from burgee.testing.aws.lossy_proxy import LossyProxy
from burgee.testing.budget_store_contract import KIND, a_budget
from burgee.testing.builders import THE_DAY
from burgee.testing.unreliable_budgets import UnreliableBudgetStore

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.aws

TABLE = "requestLimit"
CLIENTS = 32
LIMIT = 2_000
IDLE_SECONDS = 0.5


@pytest.fixture
def desk(dynalite_url: str, monkeypatch: pytest.MonkeyPatch) -> DynamoBudgetStore:
    create_tables(dynalite_url, TABLE)
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynalite_url)
    return a_store()


@pytest.fixture
def proxy(desk: DynamoBudgetStore, dynalite_url: str) -> Iterator[LossyProxy]:
    with LossyProxy.in_front_of(dynalite_url) as opened:
        yield opened


def a_store(url: str = "") -> DynamoBudgetStore:
    """A store as another process has it: with a client of its own."""
    return DynamoBudgetStore(client_at(url) if url else aws_client("dynamodb"), TABLE)


def client_at(url: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        return aws_client("dynamodb")


def left(desk: DynamoBudgetStore) -> tuple[int, BudgetState]:
    row = desk.read(KIND)
    assert row is not None
    return row.limit_value, row.state


def at_once(count: int, work: Callable[[int], int]) -> list[int]:
    """What `count` threads made of `work`, which is told their number; they begin together."""
    start, results = threading.Barrier(count), [0] * count

    def run(number: int) -> None:
        start.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def take_all(store: DynamoBudgetStore, wanted: int) -> int:
    """Take until there is nothing; how many tokens that made."""
    got = 0
    while True:
        try:
            outcome = store.take(KIND, wanted, at=THE_DAY)
        except UnavailableError:
            continue
        assert outcome is not None
        if outcome.tokens == 0:
            return got
        got += outcome.tokens


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wanted", [1, 20])
def test_t1_of_32_clients_exactly_the_limit_is_admitted(desk: DynamoBudgetStore, wanted: int) -> None:
    desk.seed(a_budget(LIMIT))
    stores = [a_store() for _ in range(CLIENTS)]
    results = at_once(CLIENTS, lambda number: take_all(stores[number], wanted))
    print(f"T1: {CLIENTS} clients that take {wanted} admitted {sum(results)} of {LIMIT}")
    assert (sum(results), *left(desk)) == (LIMIT, 0, BudgetState.TRIPPED)


def spend(meter: Meter) -> int:
    """Spend until nothing was admitted for a while; how many calls were."""
    admitted, last_at = 0, time.monotonic()
    while time.monotonic() - last_at < IDLE_SECONDS:
        try:
            if not meter.try_spend():
                meter.spend()
        except (TooManyRequestsError, UnavailableError):
            time.sleep(0.02)
            continue
        admitted, last_at = admitted + 1, time.monotonic()
    return admitted


def a_meter(store: Any, workers: int = CLIENTS) -> Meter:
    return Meter(store, KIND, seed_limit=1, clock=time.time, monotonic=time.monotonic, workers=workers)


@pytest.mark.timeout(120)
def test_t1_of_32_clients_with_leases_exactly_the_limit_is_admitted(desk: DynamoBudgetStore) -> None:
    desk.seed(a_budget(LIMIT))
    counted = [UnreliableBudgetStore(a_store()) for _ in range(CLIENTS)]
    meters = [a_meter(store) for store in counted]
    results = at_once(CLIENTS, lambda number: spend(meters[number]))
    steps = sum(len([step for step in store.steps if step == "take"]) for store in counted)
    print(f"T1: {CLIENTS} meters admitted {sum(results)} of {LIMIT} with {steps} takes")
    assert (sum(results), *left(desk)) == (LIMIT, 0, BudgetState.TRIPPED)


@pytest.mark.timeout(180)
def test_t2_of_processes_that_are_killed_no_call_counts_twice(
    desk: DynamoBudgetStore, dynalite_url: str
) -> None:
    count, limit = 8, 1_500
    largest_lease = (limit - LAST_CALLS) // (SHARES * count)
    chance = random.Random(2)
    desk.seed(a_budget(limit))
    command = [
        sys.executable,
        "-m",
        "burgee.testing.budget_spender",
        "dynamodb:" + TABLE,
        str(count),
        "aloud",
    ]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)
    ]
    said = []
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        time.sleep(0.2)
        dead = chance.sample(processes, round(count * 0.3))
        for process in dead:
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
        for process in processes:
            assert process.stdout is not None
            said.append(process.stdout.read())
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()
    admitted = sum(text.partition(b"\n")[0].count(b".") for text in said)
    print(f"T2: admitted {admitted} of {limit}, {len(dead)} of {count} killed, {limit - admitted} stranded")
    # A call that was admitted just before the kill may not have been counted aloud.
    assert 0 <= limit - admitted <= len(dead) * largest_lease
    assert left(desk)[0] == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("wanted", [1, 20])
def test_t3_of_answers_that_get_lost_tokens_are_wasted_and_never_made(
    desk: DynamoBudgetStore, proxy: LossyProxy, wanted: int
) -> None:
    desk.seed(a_budget(LIMIT))
    stores = [a_store(proxy.url) for _ in range(CLIENTS)]
    proxy.lose(0.05)
    results = at_once(CLIENTS, lambda number: take_all(stores[number], wanted))
    wasted = LIMIT - sum(results)
    print(f"T3: admitted {sum(results)} of {LIMIT}, {proxy.lost} answers lost, {wasted} wasted")
    assert proxy.lost > 0
    assert 0 <= wasted <= proxy.lost * wanted
    assert left(desk) == (0, BudgetState.TRIPPED)


@pytest.mark.timeout(120)
def test_t4_a_hundred_resets_grant_what_they_say_and_leave_nobody_outside(desk: DynamoBudgetStore) -> None:
    desk.seed(a_budget(50))
    meters = [a_meter(a_store()) for _ in range(CLIENTS)]
    results = list[int]()
    spending = threading.Thread(target=lambda: results.extend(at_once(CLIENTS, lambda n: spend(meters[n]))))
    spending.start()
    for _ in range(100):
        assert desk.renew(KIND, Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=50, limit=50))
        time.sleep(0.02)
    spending.join()
    print(f"T4: admitted {sum(results)} of {101 * 50} granted")
    assert 50 <= sum(results) <= 101 * 50
    row = desk.read(KIND)
    assert row is not None
    assert (row.epoch, row.limit_value, row.state) == (101, 0, BudgetState.TRIPPED)


def test_a_reset_whose_answer_is_lost_is_made_once(desk: DynamoBudgetStore, proxy: LossyProxy) -> None:
    desk.seed(a_budget(0))
    renewal = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=20, limit=20)
    for epoch in (None, 2):
        lossy = a_store(proxy.url)
        proxy.lose_next("UpdateItem")
        renewed = lossy.renew(KIND, renewal, epoch=epoch)
        assert renewed is not None
        assert (renewed, renewed.epoch) == (desk.read(KIND), 2 if epoch is None else 3)
    assert proxy.lost == 2


def test_a_reset_whose_answer_is_lost_is_not_made_again_after_it_was_spent(
    desk: DynamoBudgetStore, proxy: LossyProxy
) -> None:
    desk.seed(a_budget(0))
    proxy.lose_next("UpdateItem", then=lambda: desk.take(KIND, 15, at=THE_DAY))
    renewal = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=20, limit=20)
    renewed = a_store(proxy.url).renew(KIND, renewal)
    assert renewed is not None
    assert (proxy.lost, renewed.limit_value, left(desk)[0]) == (1, 5, 5)


def test_tokens_given_back_are_added_once_though_the_answer_is_lost(
    desk: DynamoBudgetStore, proxy: LossyProxy
) -> None:
    desk.seed(a_budget(10))
    desk.take(KIND, 6, at=THE_DAY)
    proxy.lose_next("UpdateItem")
    a_store(proxy.url).give_back(KIND, 6, epoch=1)
    assert (proxy.lost, left(desk)[0]) == (1, 10)


def test_tokens_given_back_are_added_once_though_others_go_on_taking(
    desk: DynamoBudgetStore, proxy: LossyProxy
) -> None:
    desk.seed(a_budget(10))
    desk.take(KIND, 6, at=THE_DAY)
    proxy.lose_next("UpdateItem", then=lambda: desk.take(KIND, 6, at=THE_DAY))
    a_store(proxy.url).give_back(KIND, 6, epoch=1)
    assert left(desk)[0] == 4


def test_the_trip_whose_answer_is_lost_is_told_all_the_same(
    desk: DynamoBudgetStore, proxy: LossyProxy
) -> None:
    desk.seed(a_budget(0))
    proxy.lose_next("UpdateItem", after=1)
    outcome = a_store(proxy.url).take(KIND, 1, at=THE_DAY)
    assert outcome is not None
    assert (proxy.lost, outcome.tripped, outcome.tokens) == (1, True, 0)


def test_f10_a_black_hole_trips_nothing_and_holds_nobody_up(desk: DynamoBudgetStore) -> None:
    desk.seed(a_budget(10))
    with black_hole() as nowhere:
        meter = a_meter(a_store(nowhere), workers=1)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            meter.spend()
        assert time.monotonic() - begun < 2.0
        meter.follow()
        assert meter.row is None
    assert left(desk) == (10, BudgetState.OPEN)


def test_f9_a_store_that_refuses_every_call_trips_nothing(desk: DynamoBudgetStore, proxy: LossyProxy) -> None:
    desk.seed(a_budget(10))
    meter = a_meter(a_store(proxy.url), workers=1)
    meter.spend()
    proxy.throttle = True
    admitted = 0
    for _ in range(20):
        try:
            meter.spend()
            admitted += 1
        except UnavailableError:
            continue
    assert admitted <= 9
    assert left(desk)[1] is BudgetState.OPEN
    assert meter.row is not None
    assert meter.row.state is BudgetState.OPEN
    proxy.throttle = False
    time.sleep(1.1)
    assert spend(meter) + admitted + 1 == 10
