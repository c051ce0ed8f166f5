"""The memory keys under the contract, and on a store that refuses writes."""

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_sdk_keys import MemorySdkKeys
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import ReadOnlyError
from burgee.ports import FlagStore, SdkKeyStore
from burgee.testing.sdk_key_store_contract import SdkKeyStoreContract, a_key_event, an_sdk_key
from burgee.testing.workshop import HandClock


class TestMemorySdkKeys(SdkKeyStoreContract):
    def make_store(self) -> tuple[SdkKeyStore, FlagStore]:
        store = MemoryFlagStore(HandClock())
        return MemorySdkKeys(store), store


def test_a_store_that_takes_no_events_takes_no_keys() -> None:
    keys = MemorySdkKeys(ReadOnlyFlagStore(MemoryFlagStore(HandClock()), reason="damaged"))
    with pytest.raises(ReadOnlyError):
        keys.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
    assert keys.sdk_keys() == ()
    assert keys.sdk_key_changes() == 0
