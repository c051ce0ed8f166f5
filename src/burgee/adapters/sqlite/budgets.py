"""Request budgets in the database, so that all workers of a server spend from the same rows."""

import apsw
import msgspec

from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.adapters.sqlite.connections import Connections
from burgee.adapters.sqlite.seals import decoded, seal_of, unsealed
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import StoreDamagedError
from burgee.model.budget import SEED_LIMIT, Renewal, RequestBudget, Taken, given_back, renewed, taken
from burgee.ports import BudgetStore, FlagStore

# Files of an earlier Burgee get the table when it is first needed; a Burgee without it passes it over.
TABLE = """
CREATE TABLE IF NOT EXISTS budgets (
    limit_type TEXT PRIMARY KEY NOT NULL, content BLOB NOT NULL, seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


class SqliteBudgetStore:
    """BudgetStore in the file of a SqliteFlagStore; each step is one transaction, synced to disk."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._is_ready = False

    def read(self, limit_type: str) -> RequestBudget | None:
        self._prepare()
        with self._connections.reading() as connection:
            return _read(connection, limit_type)

    def seed(self, budget: RequestBudget) -> RequestBudget:
        self._prepare()
        with self._connections.writing() as connection:
            current = _read(connection, budget.limit_type)
            if current is not None:
                return current
            write_budget(connection, budget)
            return budget

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        self._prepare()
        with self._connections.writing() as connection:
            current = _read(connection, limit_type)
            if current is None:
                return None
            outcome = taken(current, wanted, at=at)
            if outcome.budget is not current:
                write_budget(connection, outcome.budget)
            return outcome

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        self._prepare()
        with self._connections.writing() as connection:
            current = _read(connection, limit_type)
            if current is not None:
                write_budget(connection, given_back(current, tokens, epoch=epoch))

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        self._prepare()
        with self._connections.writing() as connection:
            try:
                current = _read(connection, limit_type)
            except StoreDamagedError:
                if epoch is not None:
                    raise
                current = _in_place_of_damaged(limit_type, renewal)
            if current is None or epoch not in (None, current.epoch):
                return None
            renewal_of_current = renewed(current, renewal)
            write_budget(connection, renewal_of_current)
            return renewal_of_current

    def _prepare(self) -> None:
        if not self._is_ready:
            with self._connections.writing() as connection:
                connection.execute(TABLE)
            self._is_ready = True


def budget_store_beside(store: FlagStore) -> BudgetStore:
    """The budgets kept with `store`: in its file, or in memory where it has none that can be written."""
    return SqliteBudgetStore(store.connections) if isinstance(store, SqliteFlagStore) else MemoryBudgetStore()


def _read(connection: apsw.Connection, limit_type: str) -> RequestBudget | None:
    row = connection.execute(
        "SELECT limit_type, content, seal FROM budgets WHERE limit_type = ?", (limit_type,)
    ).fetchone()
    return None if row is None else decoded(unsealed("budgets", row)[-1], RequestBudget)


def write_budget(connection: apsw.Connection, budget: RequestBudget) -> None:
    """Put the budget in place of its predecessor."""
    columns = (budget.limit_type, msgspec.json.encode(budget))
    connection.execute(
        "INSERT OR REPLACE INTO budgets VALUES (?, ?, ?)", (*columns, seal_of("budgets", *columns))
    )


def _in_place_of_damaged(limit_type: str, renewal: Renewal) -> RequestBudget:
    # The epoch of the row is lost: milliseconds make one that no lease in any worker carries.
    return RequestBudget(limit_type=limit_type, limit_value=0, limit=SEED_LIMIT, epoch=int(renewal.at * 1000))
