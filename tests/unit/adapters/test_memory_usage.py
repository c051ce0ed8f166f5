"""The memory usage store, held to the contract."""

from burgee.adapters.memory_usage import MemoryUsageStore
from burgee.ports import UsageStore
from burgee.testing.contracts import UsageStoreContract


class TestMemoryUsageStore(UsageStoreContract):
    def make_usage_store(self) -> UsageStore:
        return MemoryUsageStore()
