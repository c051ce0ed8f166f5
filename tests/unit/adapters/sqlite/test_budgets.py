"""Request budgets in SQLite: the contract, and what only a file can do."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.adapters.sqlite.budgets import SqliteBudgetStore, budget_store_beside
from burgee.adapters.sqlite.schema import SCHEMA_VERSION
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.budget import SEED_LIMIT, BudgetState, Renewal
from burgee.ports import BudgetStore
from burgee.testing.budget_store_contract import FULL_BUDGET, KIND, BudgetStoreContract, a_budget
from burgee.testing.builders import THE_DAY, a_flag
from burgee.testing.publishing import publish


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteFlagStore]:
    opened = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    yield opened
    opened.close()


class TestSqliteBudgetStore(BudgetStoreContract):
    @pytest.fixture(autouse=True)
    def _file(self, store: SqliteFlagStore) -> None:
        self.store = store

    def make_budgets(self) -> BudgetStore:
        return SqliteBudgetStore(self.store.connections)


def test_another_process_sees_the_same_row(store: SqliteFlagStore) -> None:
    other = SqliteFlagStore(store.path, lambda: THE_DAY)
    mine, theirs = SqliteBudgetStore(store.connections), SqliteBudgetStore(other.connections)
    mine.seed(a_budget(4))
    theirs.take(KIND, 3, at=THE_DAY)
    assert mine.read(KIND) == a_budget(1)
    other.close()


def test_the_budget_outlives_the_process(store: SqliteFlagStore) -> None:
    SqliteBudgetStore(store.connections).seed(FULL_BUDGET)
    store.close()
    again = SqliteFlagStore(store.path, lambda: THE_DAY)
    assert SqliteBudgetStore(again.connections).read(KIND) == FULL_BUDGET
    again.close()


def test_the_flags_are_whole_beside_it(store: SqliteFlagStore) -> None:
    publish(store, a_flag())
    SqliteBudgetStore(store.connections).seed(FULL_BUDGET)
    store.verify()


def test_a_file_of_an_earlier_burgee_keeps_its_schema_version(store: SqliteFlagStore) -> None:
    assert not tables(store.path) & {"budgets"}
    SqliteBudgetStore(store.connections).read(KIND)
    assert tables(store.path) & {"budgets"}
    connection = apsw.Connection(str(store.path))
    assert connection.execute("SELECT version FROM schema_version").get == SCHEMA_VERSION == 1
    connection.close()


def test_a_damaged_row_is_not_believed_until_a_reset_replaces_it(store: SqliteFlagStore) -> None:
    budgets = SqliteBudgetStore(store.connections)
    budgets.seed(a_budget(4))
    damage(store.path)
    with pytest.raises(StoreDamagedError):
        budgets.read(KIND)
    with pytest.raises(StoreDamagedError):
        budgets.take(KIND, 1, at=THE_DAY)
    refill = Renewal(state=BudgetState.OPEN, at=THE_DAY, limit_value=10, limit=10)
    with pytest.raises(StoreDamagedError):
        budgets.renew(KIND, refill, epoch=1)
    renewed = budgets.renew(KIND, refill)
    assert renewed is not None
    assert renewed == budgets.read(KIND)
    assert (renewed.limit_value, renewed.limit) == (10, 10)
    assert renewed.epoch > 10**9  # no lease of the lost row carries it


def test_a_stop_of_a_damaged_row_leaves_nothing_to_spend(store: SqliteFlagStore) -> None:
    budgets = SqliteBudgetStore(store.connections)
    budgets.seed(a_budget(4))
    damage(store.path)
    stopped = budgets.renew(KIND, Renewal(state=BudgetState.FORCED, at=THE_DAY))
    assert stopped is not None
    assert (stopped.limit_value, stopped.limit, stopped.state) == (0, SEED_LIMIT, BudgetState.FORCED)


def test_a_store_that_is_closed_raises_what_a_meter_understands(store: SqliteFlagStore) -> None:
    budgets = SqliteBudgetStore(store.connections)
    budgets.seed(a_budget(4))
    store.close()
    for step in (lambda: budgets.read(KIND), lambda: budgets.take(KIND, 1, at=THE_DAY)):
        with pytest.raises(UnavailableError):
            step()


def test_where_the_flags_cannot_be_written_the_budget_is_in_memory(store: SqliteFlagStore) -> None:
    assert isinstance(budget_store_beside(store), SqliteBudgetStore)
    assert isinstance(budget_store_beside(MemoryFlagStore(lambda: THE_DAY)), MemoryBudgetStore)


def damage(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE budgets SET content = CAST(replace(content, '4', '9') AS BLOB)")
    connection.close()


def tables(path: Path) -> set[str]:
    connection = apsw.Connection(str(path))
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    return names
