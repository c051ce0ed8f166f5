"""Request budgets in DynamoDB: the contract on both emulators, items of the source system, lost answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from burgee.adapters.dynamodb.budgets import DynamoBudgetStore
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.budget import SEED_LIMIT, BudgetState, Renewal, RequestBudget
from burgee.ports import BudgetStore
from burgee.testing.aws.dynamodb_stores import emptied, running_serial_moto
from burgee.testing.aws.emulators import create_tables
from burgee.testing.budget_store_contract import FULL_BUDGET, KIND, BudgetStoreContract, a_budget
from burgee.testing.builders import THE_DAY

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.aws

TABLE = "requestLimit"
RESET = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=20, limit=20)


class TestOnDynalite(BudgetStoreContract):
    @pytest.fixture(autouse=True)
    def _table(self, dynalite_url: str) -> None:
        self.client = create_tables(dynalite_url, TABLE)

    def make_budgets(self) -> BudgetStore:
        return DynamoBudgetStore(self.client, TABLE)


@pytest.fixture(scope="module")
def serial_moto_server() -> Iterator[str]:
    with running_serial_moto() as url:
        yield url


class TestOnMoto(BudgetStoreContract):
    """moto is not atomic where requests are answered at the same time: here each waits for its turn."""

    @pytest.fixture(autouse=True)
    def _table(self, serial_moto_server: str) -> None:
        self.client = create_tables(emptied(serial_moto_server), TABLE)

    def make_budgets(self) -> BudgetStore:
        return DynamoBudgetStore(self.client, TABLE)


@pytest.fixture(params=["dynalite_url", "moto_url"])
def client(request: pytest.FixtureRequest) -> Any:
    return create_tables(request.getfixturevalue(request.param), TABLE)


@pytest.fixture
def budgets(client: Any) -> DynamoBudgetStore:
    return DynamoBudgetStore(client, TABLE)


def put(client: Any, **attributes: dict[str, Any]) -> None:
    client.put_item(TableName=TABLE, Item={"limitType": {"S": KIND}, **attributes})


def item(client: Any) -> Any:
    return client.get_item(TableName=TABLE, Key={"limitType": {"S": KIND}}, ConsistentRead=True)["Item"]


def test_the_item_of_the_source_system_is_an_open_budget(client: Any, budgets: DynamoBudgetStore) -> None:
    put(client, limitValue={"N": "7"})
    expected = RequestBudget(limit_type=KIND, limit_value=7, limit=SEED_LIMIT)
    assert budgets.read(KIND) == budgets.seed(a_budget(99)) == expected
    outcome = budgets.take(KIND, 3, at=THE_DAY)
    assert outcome is not None
    assert (outcome.tokens, outcome.budget.limit_value) == (3, 4)
    assert item(client)["limitValue"] == {"N": "4"}


def test_what_the_source_left_has_the_limit_of_the_settings(client: Any) -> None:
    put(client, limitValue={"N": "7"})
    stored = DynamoBudgetStore(client, TABLE, seed_limit=50).read(KIND)
    assert stored is not None
    assert stored.limit == 50


@pytest.mark.parametrize("text", ["0", "-1", "-40000", "0.5"])
def test_an_item_of_the_source_with_nothing_left_trips_and_is_reset(
    client: Any, budgets: DynamoBudgetStore, text: str
) -> None:
    put(client, limitValue={"N": text})
    outcome = budgets.take(KIND, 1, at=THE_DAY)
    assert outcome is not None
    assert (outcome.tokens, outcome.tripped, outcome.budget.state) == (0, True, BudgetState.TRIPPED)
    renewed = budgets.renew(KIND, RESET)
    assert renewed is not None
    assert (renewed.epoch, renewed.limit_value, renewed.state) == (2, 20, BudgetState.OPEN)


@pytest.mark.parametrize(("epoch", "applies"), [(1, True), (2, False)])
def test_an_item_without_an_epoch_is_in_the_first(
    client: Any, budgets: DynamoBudgetStore, epoch: int, applies: bool
) -> None:
    put(client, limitValue={"N": "7"})
    assert (budgets.renew(KIND, RESET, epoch=epoch) is not None) is applies
    put(client, limitValue={"N": "7"})
    budgets.give_back(KIND, 2, epoch=epoch)
    assert item(client)["limitValue"] == {"N": "9" if applies else "7"}


def test_the_counter_and_its_names_are_those_of_the_source(client: Any, budgets: DynamoBudgetStore) -> None:
    budgets.seed(FULL_BUDGET)
    stored = item(client)
    assert (stored["limitType"], stored["limitValue"]) == ({"S": "pendingLimit"}, {"N": "7"})
    assert set(stored) >= {"limit", "epoch", "state", "windowEndsAt", "trippedAt", "by", "reason"}


@pytest.mark.parametrize("value", [32_767, 32_768, 100_000, 10**9])
def test_large_limits_are_kept(budgets: DynamoBudgetStore, value: int) -> None:
    budgets.seed(a_budget(value))
    outcome = budgets.take(KIND, 4_096, at=THE_DAY)
    assert outcome is not None
    assert (outcome.tokens, outcome.budget.limit_value) == (4_096, value - 4_096)


@pytest.mark.parametrize(
    "attributes",
    [
        {"limitValue": {"S": "7"}},
        {},
        {"limitValue": {"N": "7"}, "state": {"S": "AJAR"}},
        {"limitValue": {"N": "7"}, "epoch": {"S": "x"}},
        {"limitValue": {"N": "7"}, "limit": {"BOOL": True}},
    ],
)
def test_a_damaged_item_trips_nothing_until_a_reset_replaces_it(
    client: Any, budgets: DynamoBudgetStore, attributes: dict[str, dict[str, Any]]
) -> None:
    put(client, **attributes)
    before = item(client)
    with pytest.raises(StoreDamagedError):
        budgets.read(KIND)
    assert item(client) == before
    renewed = budgets.renew(KIND, RESET)
    assert renewed is not None
    assert renewed == budgets.read(KIND)
    assert (renewed.limit_value, renewed.limit, renewed.state) == (20, 20, BudgetState.OPEN)


def test_a_stop_of_a_damaged_item_leaves_nothing_to_spend(client: Any, budgets: DynamoBudgetStore) -> None:
    put(client, limitValue={"S": "many"})
    stopped = budgets.renew(KIND, Renewal(state=BudgetState.FORCED, at=THE_DAY))
    assert stopped is not None
    assert (stopped.limit_value, stopped.limit, stopped.state) == (0, SEED_LIMIT, BudgetState.FORCED)
    assert stopped.epoch > 10**9  # no lease of the lost row carries it


def test_a_table_that_is_not_there_is_unavailable_and_nothing_else(client: Any) -> None:
    lost = DynamoBudgetStore(client, "elsewhere")
    for step in (
        lambda: lost.read(KIND),
        lambda: lost.seed(a_budget(1)),
        lambda: lost.take(KIND, 1, at=THE_DAY),
        lambda: lost.give_back(KIND, 1, epoch=1),
        lambda: lost.renew(KIND, RESET),
    ):
        with pytest.raises(UnavailableError, match="ResourceNotFoundException"):
            step()
