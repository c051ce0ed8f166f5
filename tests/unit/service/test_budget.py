"""The budget of one worker: resets, stops, what evaluation hears of them, and what is audited."""

from typing import Any

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import InvalidInputError, TooManyRequestsError, UnavailableError
from burgee.model.budget import (
    EVALUATION_BUDGET,
    MANAGEMENT_BUDGET,
    BudgetMode,
    BudgetRules,
    BudgetScope,
    BudgetState,
    BudgetWindow,
)
from burgee.ports import AuditQuery, FlagStore
from burgee.service.budget import Budget
from burgee.testing.builders import THE_DAY
from burgee.testing.unreliable_budgets import UnreliableBudgetStore
from burgee.testing.workshop import ADA, HandClock


class Desk:
    """A budget, its store, its clocks and its audit log."""

    def __init__(
        self, store: UnreliableBudgetStore | None = None, audit: FlagStore | None = None, **rules: Any
    ):
        self.clock, self.monotonic = HandClock(), HandClock(1000.0)
        self.store = store if store is not None else UnreliableBudgetStore()
        self.audit = audit if audit is not None else MemoryFlagStore(self.clock)
        self.budget = Budget(
            self.store,
            self.audit,
            rules=BudgetRules(**rules),
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def events(self) -> list[tuple[str, str, str, str]]:
        found = reversed(self.audit.audit_events(AuditQuery()))
        return [(event.action, event.entity, event.actor, event.reason) for event in found]

    def passes(self) -> bool:
        try:
            self.budget.management.spend()
        except TooManyRequestsError:
            return False
        return True


def test_a_budget_that_nobody_has_set_is_that_of_the_source_system() -> None:
    status = Desk().budget.state()
    assert (status.budget.limit_type, status.budget.limit, status.remaining) == ("pendingLimit", 1000, 1000)
    assert (status.budget.state, status.budget.window_ends_at) == (BudgetState.OPEN, None)


def test_each_call_lowers_what_remains_by_one() -> None:
    desk = Desk()
    for call in range(300):
        assert desk.budget.state().remaining == 1000 - call
        assert desk.passes()


def test_a_second_worker_finds_the_row_as_it_is() -> None:
    store = UnreliableBudgetStore(MemoryBudgetStore())
    Desk(store, seed_limit=5).budget.state()
    assert Desk(store, seed_limit=9).budget.state().budget.limit == 5


@pytest.mark.parametrize("limit", [1, 2, 32_768, 10**9])
def test_a_reset_sets_what_is_left(limit: int) -> None:
    desk = Desk()
    row = desk.budget.reset(limit, author=ADA)
    assert (row.limit, row.limit_value, row.epoch, row.by, row.reason) == (limit, limit, 2, "ada", "because")


@pytest.mark.parametrize("limit", [0, -1, 10**9 + 1])
def test_a_limit_out_of_bounds_changes_nothing(limit: int) -> None:
    desk = Desk()
    with pytest.raises(InvalidInputError) as caught:
        desk.budget.reset(limit, author=ADA)
    assert caught.value.faults[0].pointer == "/limit"
    assert desk.budget.state().budget.epoch == 1


def test_a_reset_begins_a_window() -> None:
    desk = Desk(window=BudgetWindow.HOUR)
    desk.clock.now += 30
    assert desk.budget.reset(5, author=ADA).window_ends_at == THE_DAY + 30 + 3600


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("none", None), ("minute", 60), ("hour", 3600), ("day", 86_400), ("month", 2_592_000)],
)
def test_windows_have_a_length(window: str, seconds: float | None) -> None:
    assert BudgetWindow(window).seconds == seconds


def test_a_stop_is_kept_until_a_reset() -> None:
    desk = Desk()
    desk.budget.force(BudgetScope.ALL, author=ADA)
    assert not desk.passes()
    desk.budget.reset(1, author=ADA)
    assert [desk.passes(), desk.passes()] == [True, False]


def test_a_stop_keeps_the_limit() -> None:
    desk = Desk(seed_limit=7)
    desk.passes()
    row = desk.budget.force(BudgetScope.ALL, author=ADA)
    assert (row.state, row.limit) == (BudgetState.FORCED, 7)


@pytest.mark.parametrize(("scope", "stops"), [(BudgetScope.ALL, True), (BudgetScope.MANAGEMENT, False)])
def test_evaluation_hears_of_a_stop_that_is_meant_for_it(scope: BudgetScope, stops: bool) -> None:
    desk, heard = Desk(), list[bool]()
    desk.budget.on_stop(heard.append)
    desk.budget.force(scope, author=ADA)
    assert (desk.budget.stops_evaluation is not None) is stops
    desk.budget.reset(10, author=ADA)
    assert heard == ([False, True, False] if stops else [False])
    assert desk.budget.stops_evaluation is None


def test_who_listens_late_hears_the_present_state() -> None:
    desk, heard = Desk(), list[bool]()
    desk.budget.force(BudgetScope.ALL, author=ADA)
    desk.budget.on_stop(heard.append)
    assert heard == [True]


def test_a_used_up_budget_does_not_stop_evaluation() -> None:
    desk = Desk(seed_limit=1)
    assert [desk.passes(), desk.passes()] == [True, False]
    assert desk.budget.stops_evaluation is None


def test_a_stop_by_another_worker_is_heard_by_following() -> None:
    store = UnreliableBudgetStore(MemoryBudgetStore())
    here, there, heard = Desk(store), Desk(store), list[bool]()
    here.budget.on_stop(heard.append)
    here.budget.follow()
    there.budget.force(BudgetScope.ALL, author=ADA)
    here.monotonic.now += 1
    here.budget.follow()
    there.budget.reset(5, author=ADA)
    here.monotonic.now += 1
    here.budget.follow()
    assert heard == [False, True, False]


def test_following_a_store_that_is_down_changes_nothing() -> None:
    desk, heard = Desk(), list[bool]()
    desk.budget.force(BudgetScope.ALL, author=ADA)
    desk.budget.on_stop(heard.append)
    desk.store.is_down = True
    desk.monotonic.now += 5
    desk.budget.follow()
    assert heard == [True]


def test_every_change_of_the_breaker_is_audited() -> None:
    desk = Desk(seed_limit=1)
    desk.passes()
    desk.passes()
    desk.budget.reset(5, author=ADA)
    desk.budget.force(BudgetScope.MANAGEMENT, author=ADA)
    place = f"budgets/{MANAGEMENT_BUDGET}"
    assert desk.events() == [
        ("budget.tripped", place, "burgee", "the limit is used up"),
        ("budget.reset", place, "ada", "because"),
        ("budget.stopped", place, "ada", "because"),
    ]
    stopped = desk.audit.audit_events(AuditQuery(limit=1))[0]
    assert isinstance(stopped.before, dict)
    assert isinstance(stopped.after, dict)
    assert (stopped.before["state"], stopped.after["state"]) == ("OPEN", "FORCED")
    assert stopped.after["scope"] == "management"
    assert stopped.request_id == "request-1"


def test_in_observe_mode_the_trip_says_that_nothing_is_refused() -> None:
    desk = Desk(seed_limit=1, mode=BudgetMode.OBSERVE)
    assert [desk.passes(), desk.passes()] == [True, True]
    assert "observe" in desk.events()[0][3]
    assert desk.budget.state().refused == 1


def test_a_damaged_store_can_be_stopped_and_started_all_the_same() -> None:
    audit = ReadOnlyFlagStore(MemoryFlagStore(HandClock()), reason="damaged")
    desk = Desk(audit=audit)
    desk.budget.force(BudgetScope.ALL, author=ADA)
    assert not desk.passes()
    desk.budget.reset(5, author=ADA)
    assert desk.passes()


def test_a_trip_that_cannot_be_audited_is_a_refusal_all_the_same() -> None:
    class Down(MemoryFlagStore):
        def append_audit(self, draft: object) -> Any:
            raise UnavailableError("down")

    desk = Desk(seed_limit=1, audit=Down(HandClock()))
    assert [desk.passes(), desk.passes()] == [True, False]
    with pytest.raises(UnavailableError):
        desk.budget.reset(1, author=ADA)


def test_a_reset_that_the_store_does_not_take_is_no_success() -> None:
    desk = Desk()
    desk.store.is_down = True
    with pytest.raises(UnavailableError):
        desk.budget.reset(1, author=ADA)
    assert desk.events() == []


# -- evaluation and rates


def test_evaluation_has_no_limit_by_default() -> None:
    desk = Desk()
    assert (desk.budget.evaluation, desk.budget.evaluation_state()) == (None, None)
    with pytest.raises(InvalidInputError, match="no limit"):
        desk.budget.reset(5, author=ADA, of_evaluation=True)


def test_evaluation_spends_a_budget_of_its_own() -> None:
    desk = Desk(evaluation_limit=2)
    assert desk.budget.evaluation is not None
    desk.budget.evaluation.spend()
    desk.budget.evaluation.spend()
    with pytest.raises(TooManyRequestsError):
        desk.budget.evaluation.spend()
    assert desk.budget.state().remaining == 1000
    row = desk.budget.reset(9, author=ADA, of_evaluation=True)
    assert (row.limit_type, row.limit) == (EVALUATION_BUDGET, 9)
    desk.budget.evaluation.spend()
    status = desk.budget.evaluation_state()
    assert status is not None
    assert status.remaining == 8


@pytest.mark.parametrize("rate", ["token_rate", "address_rate"])
def test_rates_let_ten_seconds_of_calls_through_at_once(rate: str) -> None:
    desk = Desk(None, None, **{rate: 2})
    admit = desk.budget.admit_caller if rate == "token_rate" else desk.budget.admit_stranger
    other = desk.budget.admit_stranger if rate == "token_rate" else desk.budget.admit_caller
    for _ in range(20):
        admit("one")
    with pytest.raises(TooManyRequestsError):
        admit("one")
    admit("two")
    for _ in range(100):
        other("one")  # without a rate
    assert desk.budget.state().remaining == 1000


def test_closing_gives_back_what_was_leased() -> None:
    desk = Desk(evaluation_limit=100)
    assert desk.budget.evaluation is not None
    desk.passes()
    desk.budget.evaluation.spend()
    desk.budget.close()
    rows = [desk.store.read(kind) for kind in (MANAGEMENT_BUDGET, EVALUATION_BUDGET)]
    assert [row.limit_value for row in rows if row is not None] == [999, 99]
