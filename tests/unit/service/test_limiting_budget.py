"""The breaker and the functions behind it: the row first, then those named, and what failed."""

from collections.abc import Callable, Mapping

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.errors import InvalidInputError, PartlyDoneError, UnavailableError
from burgee.model.audit import AuditDraft
from burgee.model.budget import (
    MANAGEMENT_BUDGET,
    BudgetRules,
    BudgetScope,
    BudgetState,
    BudgetWindow,
    Renewal,
    RequestBudget,
)
from burgee.model.limited_function import LARGEST_CONCURRENCY, read_limited_functions
from burgee.ports import AuditQuery
from burgee.service.limiting_budget import LimitingBudget
from burgee.testing.builders import THE_DAY
from burgee.testing.unreliable_budgets import UnreliableBudgetStore
from burgee.testing.workshop import ADA, HandClock


class Functions:
    """FunctionConcurrency in a dictionary, that keeps what the row said when it was asked."""

    def __init__(self, budgets: MemoryBudgetStore) -> None:
        self._budgets = budgets
        self.limits: dict[str, int | None] = {}
        self.states: list[BudgetState] = []
        self.broken: set[str] = set()
        self.meanwhile: Callable[[], object] = lambda: None

    def limit(self, wanted: Mapping[str, int | None]) -> Mapping[str, str]:
        row = self._budgets.read(MANAGEMENT_BUDGET)
        assert row is not None
        self.states.append(row.state)
        self.limits |= {name: limit for name, limit in wanted.items() if name not in self.broken}
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return dict.fromkeys(self.broken & wanted.keys(), "AccessDeniedException")


class Desk:
    """A limiting budget of the functions `manage` and `evaluate`, the latter stopped with everything only."""

    def __init__(self, window: BudgetWindow = BudgetWindow.NONE) -> None:
        self.rows = MemoryBudgetStore()
        self.rows.seed(RequestBudget(limit_type=MANAGEMENT_BUDGET, limit_value=7, limit=10))
        self.store = UnreliableBudgetStore(self.rows)
        self.audit = MemoryFlagStore(lambda: THE_DAY)
        self.functions = Functions(self.rows)
        self.budget = LimitingBudget(
            self.store,
            self.audit,
            rules=BudgetRules(window=window),
            clock=HandClock(),
            monotonic=HandClock(),
            concurrency=self.functions,
            functions=read_limited_functions("manage,evaluate=all"),
        )

    @property
    def state(self) -> BudgetState:
        row = self.rows.read(MANAGEMENT_BUDGET)
        assert row is not None
        return row.state

    def trip(self, window_ends_at: float | None = None) -> None:
        renewal = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=0, window_ends_at=window_ends_at)
        self.rows.renew(MANAGEMENT_BUDGET, renewal)
        self.rows.take(MANAGEMENT_BUDGET, 1, at=THE_DAY)
        assert self.state is BudgetState.TRIPPED


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("scope", "limits"),
    [
        (BudgetScope.ALL, {"manage": 0, "evaluate": 0}),
        (BudgetScope.MANAGEMENT, {"manage": 0, "evaluate": None}),
    ],
)
def test_a_stop_is_written_before_the_functions_are_stopped(
    desk: Desk, scope: BudgetScope, limits: dict[str, int | None]
) -> None:
    assert desk.budget.force(scope, author=ADA).state is BudgetState.FORCED
    assert (desk.functions.limits, desk.functions.states) == (limits, [BudgetState.FORCED])


def test_row_81_a_reset_is_written_before_the_functions_run_again(desk: Desk) -> None:
    desk.budget.force(BudgetScope.ALL, author=ADA)
    row = desk.budget.reset(5, author=ADA)
    assert (row.limit_value, desk.functions.states[-1]) == (5, BudgetState.OPEN)
    assert desk.functions.limits == {"manage": None, "evaluate": None}


def test_where_the_row_cannot_be_written_no_function_is_touched(desk: Desk) -> None:
    desk.store.is_down = True
    with pytest.raises(UnavailableError):
        desk.budget.force(BudgetScope.ALL, author=ADA)
    with pytest.raises(UnavailableError):
        desk.budget.reset(5, author=ADA)
    assert desk.functions.limits == {}


def test_a_reset_that_cannot_be_recorded_lets_the_functions_run_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.budget.force(BudgetScope.ALL, author=ADA)

    def fail(_: AuditDraft) -> None:
        raise UnavailableError("the audit table is away")

    monkeypatch.setattr(desk.audit, "append_audit", fail)
    with pytest.raises(UnavailableError):
        desk.budget.reset(5, author=ADA)
    assert desk.state is BudgetState.OPEN
    assert desk.functions.limits == {"manage": None, "evaluate": None}


@pytest.mark.parametrize("broken", [{"manage"}, {"manage", "evaluate"}])
def test_row_87_functions_that_kept_their_concurrency_are_counted_and_the_row_stays(
    desk: Desk, broken: set[str]
) -> None:
    desk.functions.broken = broken
    words = rf"Failed to update concurrency for {len(broken)} function\(s\)"
    with pytest.raises(PartlyDoneError, match=words) as raised:
        desk.budget.force(BudgetScope.ALL, author=ADA)
    assert raised.value.functions == tuple(sorted(broken))
    assert desk.state is BudgetState.FORCED
    assert set(desk.functions.limits) == {"manage", "evaluate"} - broken


def test_what_was_done_to_the_functions_is_recorded(desk: Desk) -> None:
    desk.functions.broken = {"manage"}
    with pytest.raises(PartlyDoneError):
        desk.budget.force(BudgetScope.ALL, author=ADA)
    latest, before = desk.audit.audit_events(AuditQuery(limit=2))
    assert (before.action, latest.action, latest.actor) == ("budget.stopped", "concurrency.limited", "ada")
    assert latest.after == {
        "functions": {"manage": 0, "evaluate": 0},
        "failed": {"manage": "AccessDeniedException"},
    }


@pytest.mark.parametrize(
    ("window_ends_at", "manage"), [(None, 0), (THE_DAY + 30, None)], ids=["for ever", "until the window ends"]
)
def test_row_74_a_used_up_budget_stops_the_management_where_no_window_fills_it(
    window_ends_at: float | None, manage: int | None
) -> None:
    desk = Desk(BudgetWindow.NONE if window_ends_at is None else BudgetWindow.MINUTE)
    desk.trip(window_ends_at)
    desk.budget.settle(ADA)
    assert desk.functions.limits == {"manage": manage, "evaluate": None}


def test_who_acts_last_on_the_functions_has_seen_the_last_row(desk: Desk) -> None:
    renewal = Renewal(state=BudgetState.FORCED, at=THE_DAY)
    desk.functions.meanwhile = lambda: desk.rows.renew(MANAGEMENT_BUDGET, renewal)
    desk.budget.reset(5, author=ADA)
    assert desk.functions.states == [BudgetState.OPEN, BudgetState.FORCED]
    assert desk.functions.limits == {"manage": 0, "evaluate": 0}


def test_a_number_opens_a_closed_breaker_and_limits_each_function_to_it(desk: Desk) -> None:
    desk.budget.force(BudgetScope.ALL, author=ADA)
    done = desk.budget.limit_functions(3, scope=BudgetScope.ALL, author=ADA)
    assert (desk.state, done.budget.limit_value) == (BudgetState.OPEN, 10)
    assert desk.functions.limits == {"manage": 3, "evaluate": 3}
    assert desk.functions.states[-1] is BudgetState.OPEN


def test_a_number_leaves_an_open_budget_as_it_is(desk: Desk) -> None:
    done = desk.budget.limit_functions(3, scope=BudgetScope.ALL, author=ADA)
    assert (done.budget.limit_value, done.budget.epoch) == (7, 1)
    assert desk.functions.limits == {"manage": 3, "evaluate": 3}


@pytest.mark.parametrize("number", [-1, LARGEST_CONCURRENCY + 1])
def test_a_number_that_no_function_can_have_changes_nothing(desk: Desk, number: int) -> None:
    with pytest.raises(InvalidInputError):
        desk.budget.limit_functions(number, scope=BudgetScope.ALL, author=ADA)
    assert (desk.state, desk.functions.limits) == (BudgetState.OPEN, {})


def test_the_budget_of_evaluation_touches_no_function() -> None:
    desk = Desk()
    with pytest.raises(InvalidInputError):
        desk.budget.reset(5, author=ADA, of_evaluation=True)
    assert desk.functions.limits == {}
