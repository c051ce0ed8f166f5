from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.ports import Clock, FlagStore, OverrideStore
from burgee.testing.contracts import OverrideStoreContract


class TestMemoryOverrideStore(OverrideStoreContract):
    def make_flag_store(self, clock: Clock) -> FlagStore:
        return MemoryFlagStore(clock)

    def make_store(self, flags: FlagStore) -> OverrideStore:
        assert isinstance(flags, MemoryFlagStore)
        return MemoryOverrideStore(flags)
