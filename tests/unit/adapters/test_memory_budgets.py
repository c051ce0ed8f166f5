"""The reference implementation of budgets."""

from burgee.adapters.memory_budgets import MemoryBudgetStore
from burgee.ports import BudgetStore
from burgee.testing.budget_store_contract import BudgetStoreContract


class TestMemoryBudgetStore(BudgetStoreContract):
    def make_budgets(self) -> BudgetStore:
        return MemoryBudgetStore()
