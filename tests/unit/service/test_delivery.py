"""Delivery: in order, at least once, over failures, restarts and a receiver that never comes back."""

import itertools
import random
from collections.abc import Sequence

import msgspec
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_deliveries import MemoryDeliveries
from burgee.errors import UnavailableError
from burgee.model.audit import AuditEvent
from burgee.model.delivery import DeliveryState
from burgee.service.delivery import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    UNSAVED_DELIVERIES,
    Delivery,
)
from burgee.testing.builders import an_audit_draft

START = 1_800_000_000.0
DAY = 86_400.0


class Sink:
    """Keeps what it takes, and takes nothing while it is `away`."""

    name = "webhook"

    def __init__(self, *, batch: int = 1, from_start: bool = True, patience: float = DAY) -> None:
        self.batch, self.from_start, self.patience_seconds = batch, from_start, patience
        self.taken: list[int] = []
        self.tried = 0
        self.away = False

    def deliver(self, events: Sequence[AuditEvent]) -> None:
        self.tried += 1
        if self.away:
            raise UnavailableError("the receiver answered with 500")
        self.taken += [event.sequence for event in events]


class Bench:
    """One store, one sink, and deliveries that restart."""

    def __init__(self, sink: Sink | None = None) -> None:
        self.now = START
        self.sink = sink or Sink()
        self.store = MemoryFlagStore(lambda: self.now)
        self.deliveries = MemoryDeliveries()
        self.is_ours = True
        self.restart()

    def restart(self) -> None:
        self.delivery = Delivery(
            self.store,
            self.deliveries,
            self.sink,
            clock=lambda: self.now,
            dice=lambda: 1.0,
            may_deliver=lambda: self.is_ours,
        )

    def events(self, count: int) -> None:
        for _ in range(count):
            self.store.append_audit(msgspec.structs.replace(an_audit_draft(), at=self.now))

    @property
    def state(self) -> DeliveryState:
        state = self.deliveries.state("webhook")
        assert state is not None
        return state


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_events_are_delivered_once_and_in_order(batch: int) -> None:
    bench = Bench(Sink(batch=batch))
    for _ in range(3):
        bench.events(7)
        bench.delivery.drain()
    assert bench.sink.taken == list(range(1, 22))
    assert bench.state == DeliveryState(sequence=21)


@pytest.mark.parametrize(("from_start", "taken"), [(True, [1, 2, 3, 4, 5]), (False, [4, 5])])
def test_a_new_sink_begins_with_all_events_or_with_the_next(from_start: bool, taken: list[int]) -> None:
    bench = Bench(Sink(from_start=from_start))
    bench.events(3)
    bench.delivery.drain()
    bench.restart()
    bench.events(2)
    bench.delivery.drain()
    assert bench.sink.taken == taken


def test_where_a_new_sink_begins_is_remembered_before_anything_is_delivered() -> None:
    bench = Bench(Sink(from_start=False))
    bench.events(3)
    bench.delivery.drain()
    bench.events(2)
    bench.restart()
    bench.delivery.drain()
    assert bench.sink.taken == [4, 5]


def test_a_new_sink_misses_nothing_between_its_beginning_and_its_first_delivery() -> None:
    bench = Bench(Sink(from_start=False))
    bench.events(3)
    bench.delivery.begin()
    bench.events(2)
    bench.delivery.begin()
    bench.delivery.drain()
    assert bench.sink.taken == [4, 5]


def test_a_failure_stops_the_queue_and_nothing_overtakes() -> None:
    bench = Bench()
    bench.events(3)
    bench.sink.away = True
    bench.delivery.drain()
    assert bench.sink.tried == 1
    assert bench.state == DeliveryState(
        attempts=1, failing_since=START, problem="the receiver answered with 500"
    )
    bench.sink.away = False
    bench.now += FIRST_PAUSE_SECONDS
    bench.delivery.drain()
    assert bench.sink.taken == [1, 2, 3]
    assert bench.state == DeliveryState(sequence=3)


def test_pauses_double_up_to_the_longest() -> None:
    bench = Bench()
    bench.events(1)
    bench.sink.away = True
    attempts: list[float] = []
    while len(attempts) < 13:
        before = bench.sink.tried
        bench.delivery.drain()
        attempts += [bench.now] * (bench.sink.tried - before)
        bench.now += 0.5
    pauses = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert pauses == [*[FIRST_PAUSE_SECONDS * 2**n for n in range(10)], *[LONGEST_PAUSE_SECONDS] * 2]


@pytest.mark.parametrize(("later", "tries"), [(FIRST_PAUSE_SECONDS - 0.001, 1), (FIRST_PAUSE_SECONDS, 2)])
def test_a_pause_is_waited_out(later: float, tries: int) -> None:
    bench = Bench()
    bench.events(1)
    bench.sink.away = True
    bench.delivery.drain()
    bench.now += later
    bench.delivery.drain()
    assert bench.sink.tried == tries


def test_a_clock_that_was_set_back_does_not_stop_deliveries() -> None:
    bench = Bench()
    bench.events(1)
    bench.sink.away = True
    bench.delivery.drain()
    bench.sink.away = False
    bench.now -= 10 * DAY
    bench.delivery.drain()
    assert bench.sink.taken == [1]


def keep_trying(bench: Bench, seconds: float) -> None:
    """Let time pass in steps no longer than the longest pause."""
    end = bench.now + seconds
    while bench.now < end:
        bench.now = min(end, bench.now + LONGEST_PAUSE_SECONDS)
        bench.delivery.drain()


def test_after_a_day_of_failures_an_event_is_a_dead_letter_and_the_queue_goes_on() -> None:
    bench = Bench()
    bench.events(2)
    bench.sink.away = True
    bench.delivery.drain()
    keep_trying(bench, DAY - LONGEST_PAUSE_SECONDS)
    assert bench.deliveries.dead_letters() == ()
    bench.events(1)  # younger than a day when the others are given up
    keep_trying(bench, LONGEST_PAUSE_SECONDS)
    second, first = bench.deliveries.dead_letters()
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.sink, first.failing_since, first.given_up_at) == ("webhook", START, START + DAY)
    assert first.attempts > 90
    assert second.attempts == 1  # one try for each of those that waited behind it
    assert first.problem == "the receiver answered with 500"
    assert bench.state.sequence == 2
    bench.sink.away = False
    keep_trying(bench, LONGEST_PAUSE_SECONDS)
    assert bench.sink.taken == [3]


def test_after_a_long_downtime_of_our_own_a_receiver_gets_its_day_all_the_same() -> None:
    bench = Bench()
    bench.events(1)
    bench.now += 3 * DAY
    bench.sink.away = True
    bench.delivery.drain()
    keep_trying(bench, DAY / 2)
    assert bench.deliveries.dead_letters() == ()
    bench.sink.away = False
    keep_trying(bench, LONGEST_PAUSE_SECONDS)
    assert bench.sink.taken == [1]


def test_failures_are_counted_on_over_a_restart() -> None:
    bench = Bench()
    bench.events(1)
    bench.sink.away = True
    bench.delivery.drain()
    bench.now += DAY
    bench.restart()
    bench.delivery.drain()
    (letter,) = bench.deliveries.dead_letters()
    assert (letter.attempts, letter.failing_since) == (2, START)


def test_a_sink_without_an_end_to_its_patience_gives_nothing_up() -> None:
    bench = Bench(Sink(patience=float("inf")))
    bench.events(1)
    bench.sink.away = True
    bench.delivery.drain()
    keep_trying(bench, 30 * DAY)
    bench.sink.away = False
    keep_trying(bench, LONGEST_PAUSE_SECONDS)
    assert bench.sink.taken == [1]


@pytest.mark.parametrize("batch", [1, 10])
def test_an_event_that_fails_its_hash_is_not_sent_and_holds_nothing_up(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(Sink(batch=batch))
    bench.events(5)
    honest = bench.store.audit_range

    def tampered(*, first: int, limit: int) -> tuple[AuditEvent, ...]:
        return tuple(
            msgspec.structs.replace(event, actor="mallory") if event.sequence == 3 else event
            for event in honest(first=first, limit=limit)
        )

    monkeypatch.setattr(bench.store, "audit_range", tampered)
    bench.delivery.drain()
    assert bench.sink.taken == [1, 2, 4, 5]
    (letter,) = bench.deliveries.dead_letters()
    assert letter.sequence == 3
    assert "hash" in letter.problem


def test_only_the_process_that_may_deliver_does() -> None:
    bench = Bench()
    bench.events(2)
    bench.is_ours = False
    bench.delivery.drain()
    assert bench.sink.taken == []
    bench.is_ours = True
    bench.delivery.drain()
    assert bench.sink.taken == [1, 2]


def test_once_closed_it_only_saves_how_far_it_has_come() -> None:
    bench = Bench()
    bench.events(2)
    assert bench.delivery.step()
    bench.delivery.close()
    bench.delivery.drain()
    assert (bench.sink.taken, bench.state.sequence) == ([1], 1)


def test_a_store_that_fails_is_only_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.events(1)

    def away(**_: int) -> tuple[AuditEvent, ...]:
        raise UnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "audit_range", away)
        bench.delivery.drain()
    bench.delivery.drain()
    assert bench.sink.taken == [1]


def test_60_kills_lose_nothing_and_repeat_only_what_was_not_saved() -> None:
    """Kills at random moments, between a delivery and the saving of it too."""
    bench, dice = Bench(), random.Random(28)
    for _ in range(60):
        bench.events(dice.randint(1, 30))
        for _ in range(dice.randint(0, 25)):
            bench.delivery.step()
        bench.restart()
    bench.delivery.drain()
    last = bench.store.audit_head()[0]
    assert sorted(set(bench.sink.taken)) == list(range(1, last + 1))
    firsts = list(dict.fromkeys(bench.sink.taken))
    assert firsts == sorted(firsts)
    assert len(bench.sink.taken) - last <= 60 * UNSAVED_DELIVERIES
