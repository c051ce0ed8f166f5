"""What every BudgetStore must do."""

import threading

import msgspec
import pytest

from burgee.model.budget import BudgetScope, BudgetState, Renewal, RequestBudget
from burgee.ports import BudgetStore
from burgee.testing.builders import THE_DAY

KIND = "pendingLimit"

FULL_BUDGET = RequestBudget(
    limit_type=KIND,
    limit_value=7,
    limit=10,
    epoch=3,
    state=BudgetState.FORCED,
    scope=BudgetScope.MANAGEMENT,
    window_ends_at=THE_DAY + 60,
    tripped_at=THE_DAY - 5,
    changed_at=THE_DAY - 9,
    by="ada",
    reason="because \u00e9",
)
"""A budget with every field away from its default."""


def a_budget(value: int = 10, **content: object) -> RequestBudget:
    """An open budget with `value` left."""
    budget = RequestBudget(limit_type=KIND, limit_value=value, limit=10)
    return msgspec.structs.replace(budget, **content)


class BudgetStoreContract:
    """Subclass it and define `make_budgets`."""

    def make_budgets(self) -> BudgetStore:
        """A store with no row in it."""
        raise NotImplementedError

    @pytest.fixture
    def budgets(self) -> BudgetStore:
        return self.make_budgets()

    def test_what_was_seeded_is_read_whole(self, budgets: BudgetStore) -> None:
        assert budgets.read(KIND) is None
        assert budgets.seed(FULL_BUDGET) == FULL_BUDGET
        assert budgets.read(KIND) == FULL_BUDGET

    def test_a_second_seed_changes_nothing_and_answers_the_first(self, budgets: BudgetStore) -> None:
        budgets.seed(a_budget(4))
        assert budgets.seed(a_budget(9)).limit_value == 4
        assert budgets.read(KIND) == a_budget(4)

    def test_limit_types_do_not_touch_each_other(self, budgets: BudgetStore) -> None:
        other = a_budget(5, limit_type="evaluationLimit")
        budgets.seed(a_budget(4))
        budgets.seed(other)
        budgets.take(KIND, 3, at=THE_DAY)
        assert budgets.read("evaluationLimit") == other

    @pytest.mark.parametrize(("wanted", "got", "left"), [(1, 1, 3), (3, 3, 1), (4, 4, 0), (5, 4, 0)])
    def test_a_take_gets_what_it_wants_or_what_is_left(
        self, budgets: BudgetStore, wanted: int, got: int, left: int
    ) -> None:
        budgets.seed(a_budget(4))
        outcome = budgets.take(KIND, wanted, at=THE_DAY)
        assert outcome is not None
        assert (outcome.tokens, outcome.tripped) == (got, False)
        assert outcome.budget == budgets.read(KIND) == a_budget(left)

    def test_the_take_that_finds_nothing_trips_once(self, budgets: BudgetStore) -> None:
        budgets.seed(a_budget(0))
        first, second = budgets.take(KIND, 1, at=THE_DAY), budgets.take(KIND, 1, at=THE_DAY + 1)
        assert first is not None
        assert second is not None
        assert [(each.tokens, each.tripped) for each in (first, second)] == [(0, True), (0, False)]
        assert budgets.read(KIND) == a_budget(0, state=BudgetState.TRIPPED, tripped_at=THE_DAY)

    @pytest.mark.parametrize("state", [BudgetState.TRIPPED, BudgetState.FORCED])
    def test_a_closed_budget_gives_nothing(self, budgets: BudgetStore, state: BudgetState) -> None:
        budgets.seed(a_budget(4, state=state))
        outcome = budgets.take(KIND, 1, at=THE_DAY)
        assert outcome is not None
        assert (outcome.tokens, outcome.budget) == (0, a_budget(4, state=state))

    def test_what_is_given_back_can_be_taken_again(self, budgets: BudgetStore) -> None:
        budgets.seed(a_budget(4))
        budgets.take(KIND, 3, at=THE_DAY)
        budgets.give_back(KIND, 2, epoch=1)
        assert budgets.read(KIND) == a_budget(3)

    @pytest.mark.parametrize(
        "budget", [a_budget(4, epoch=2), a_budget(0, state=BudgetState.TRIPPED), FULL_BUDGET]
    )
    def test_tokens_of_another_epoch_or_of_a_closed_budget_are_worth_nothing(
        self, budgets: BudgetStore, budget: RequestBudget
    ) -> None:
        budgets.seed(budget)
        budgets.give_back(KIND, 2, epoch=1)
        assert budgets.read(KIND) == budget

    def test_a_renewal_replaces_the_rules_in_the_next_epoch(self, budgets: BudgetStore) -> None:
        budgets.seed(FULL_BUDGET)
        renewal = Renewal(
            state=BudgetState.OPEN,
            at=THE_DAY,
            limit_value=20,
            limit=30,
            window_ends_at=THE_DAY + 1,
            by="bob",
            reason="again",
        )
        expected = RequestBudget(
            limit_type=KIND,
            limit_value=20,
            limit=30,
            epoch=4,
            window_ends_at=THE_DAY + 1,
            changed_at=THE_DAY,
            by="bob",
            reason="again",
        )
        assert budgets.renew(KIND, renewal) == budgets.read(KIND) == expected

    def test_a_renewal_without_numbers_keeps_them(self, budgets: BudgetStore) -> None:
        budgets.seed(a_budget(4))
        stop = Renewal(state=BudgetState.FORCED, at=THE_DAY, scope=BudgetScope.MANAGEMENT)
        stopped = budgets.renew(KIND, stop)
        assert stopped is not None
        assert (stopped.limit_value, stopped.limit, stopped.epoch) == (4, 10, 2)
        assert (stopped.state, stopped.scope) == (BudgetState.FORCED, BudgetScope.MANAGEMENT)

    @pytest.mark.parametrize(("epoch", "applies"), [(2, False), (3, True), (4, False), (None, True)])
    def test_a_renewal_may_ask_for_the_epoch_that_it_replaces(
        self, budgets: BudgetStore, epoch: int | None, applies: bool
    ) -> None:
        budgets.seed(FULL_BUDGET)
        renewal = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=1)
        assert (budgets.renew(KIND, renewal, epoch=epoch) is not None) is applies
        assert (budgets.read(KIND) == FULL_BUDGET) is not applies

    def test_where_there_is_no_row_nothing_happens(self, budgets: BudgetStore) -> None:
        assert budgets.take(KIND, 1, at=THE_DAY) is None
        assert budgets.renew(KIND, Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=1)) is None
        budgets.give_back(KIND, 1, epoch=1)
        assert budgets.read(KIND) is None

    @pytest.mark.parametrize("wanted", [1, 3])
    def test_however_many_take_at_once_no_more_is_given_than_there_was(
        self, budgets: BudgetStore, wanted: int
    ) -> None:
        budgets.seed(a_budget(100))
        start, got = threading.Barrier(8), list[int]()
        trips = list[bool]()

        def take() -> None:
            start.wait()
            for _ in range(20):
                outcome = budgets.take(KIND, wanted, at=THE_DAY)
                assert outcome is not None
                got.append(outcome.tokens)
                trips.append(outcome.tripped)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (sum(got), sum(trips)) == (100, 1)
