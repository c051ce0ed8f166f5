"""Refusals: written one by one until the bound, counted beyond it, never in the request."""

import threading

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.errors import UnavailableError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.service.refusals import (
    BURST,
    REFILL_SECONDS,
    SUMMARY_SECONDS,
    SUPPRESSED,
    RefusalKind,
    Refusals,
)

START = 1_800_000_000.0


class Bench:
    """Refusals with a clock to turn, on a store that can be `away`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        self.away = False
        self.store = MemoryFlagStore(lambda: self.now)
        self.refusals = Refusals(self.store, clock=lambda: self.now)
        honest = self.store.append_audit

        def append(draft: AuditDraft) -> AuditEvent:
            if self.away:
                raise UnavailableError("away")
            return honest(draft)

        monkeypatch.setattr(self.store, "append_audit", append)

    def refuse(self, times: int = 1, kind: RefusalKind = RefusalKind.SIGN_IN) -> None:
        for _ in range(times):
            self.refusals.note(
                kind, entity="operations/putFlag/default/banner", reason="the token has expired"
            )

    @property
    def events(self) -> tuple[AuditEvent, ...]:
        return self.store.audit_range(first=1, limit=10_000)

    def written(self, action: str) -> int:
        return sum([event.action == action for event in self.events])

    def counted(self) -> int:
        return sum([event.after["count"] for event in self.events if event.action == SUPPRESSED])  # type: ignore[index,misc,call-overload]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_a_refusal_is_written_with_all_that_is_known_once_it_is_flushed(bench: Bench) -> None:
    bench.refusals.note(
        RefusalKind.DELETION,
        entity="operations/deleteFlag/shop/banner",
        reason="the role reader does not allow to write",
        actor="ada",
        flag_set="shop",
        flag_key="banner",
        request_id="r1",
        detail={"client": "192.0.2.7"},
    )
    bench.now += 5
    assert bench.store.audit_head()[0] == 0
    bench.refusals.flush()
    (event,) = bench.events
    assert (event.at, event.actor, event.action) == (START, "ada", "deletion.refused")
    assert (event.flag_set, event.flag_key, event.request_id) == ("shop", "banner", "r1")
    assert event.after == {"client": "192.0.2.7"}


@pytest.mark.parametrize(
    ("times", "one_by_one"), [(BURST - 1, BURST - 1), (BURST, BURST), (BURST + 1, BURST)]
)
def test_a_burst_is_written_and_the_rest_counted(bench: Bench, times: int, one_by_one: int) -> None:
    bench.refuse(times)
    bench.refusals.close()
    assert bench.written("sign_in.failed") == one_by_one
    assert bench.counted() == times - one_by_one


def test_kinds_do_not_take_each_other_s_place(bench: Bench) -> None:
    bench.refuse(BURST * 5)
    bench.refuse(1, RefusalKind.ACCESS)
    bench.refusals.flush()
    assert bench.written("access.denied") == 1


@pytest.mark.parametrize(("later", "more"), [(REFILL_SECONDS - 0.001, 0), (REFILL_SECONDS, 1)])
def test_one_more_may_be_written_each_minute(bench: Bench, later: float, more: int) -> None:
    bench.refuse(BURST)
    bench.now += later
    bench.refuse(3)
    bench.refusals.flush()
    assert bench.written("sign_in.failed") == BURST + more


def test_a_clock_that_goes_back_opens_nothing(bench: Bench) -> None:
    bench.refuse(BURST)
    bench.now -= 10_000
    bench.refuse(50)
    bench.refusals.flush()
    assert bench.written("sign_in.failed") == BURST


@pytest.mark.parametrize(("later", "said"), [(SUMMARY_SECONDS - 0.001, 0), (SUMMARY_SECONDS, 30)])
def test_counts_are_said_after_ten_minutes_and_only_once(bench: Bench, later: float, said: int) -> None:
    bench.refuse(BURST + 30)
    bench.now += later
    bench.refusals.flush()
    bench.refusals.flush()
    assert bench.counted() == said


def test_a_day_of_flood_is_a_few_thousand_events_and_every_refusal_is_accounted_for(bench: Bench) -> None:
    for _ in range(1_440):
        bench.refuse(100)
        bench.refusals.flush()
        bench.now += 60
    bench.refusals.close()
    assert len(bench.events) < 2_000
    assert bench.written("sign_in.failed") + bench.counted() == 144_000


def test_what_cannot_be_written_waits_within_the_bound(bench: Bench) -> None:
    bench.away = True
    bench.refuse(BURST * 10)
    bench.refusals.flush()
    assert bench.events == ()
    bench.away = False
    bench.refusals.flush()
    bench.refusals.flush()
    assert bench.written("sign_in.failed") == BURST


def test_texts_that_callers_choose_are_cut_and_can_always_be_stored(bench: Bench) -> None:
    bench.refusals.note(RefusalKind.ACCESS, entity="x" * 10_000, reason="\ud800" + "y" * 10_000)
    bench.refusals.flush()
    (event,) = bench.events
    assert (len(event.entity), len(event.reason), event.reason[0]) == (256, 256, "?")


def test_notes_from_many_threads_are_all_accounted_for(bench: Bench) -> None:
    threads = [threading.Thread(target=bench.refuse, args=[50]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.refusals.close()
    assert bench.written("sign_in.failed") + bench.counted() == 400
