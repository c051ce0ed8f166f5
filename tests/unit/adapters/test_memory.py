import msgspec
import pytest

from burgee.adapters.memory import MemoryFlagStore, MemorySignInCodes
from burgee.model.audit import GENESIS_HASH
from burgee.model.snapshot import StoreSnapshot
from burgee.ports import Clock, FlagQuery, FlagStore, SignInCodes
from burgee.testing.builders import a_flag
from burgee.testing.contracts import FlagStoreContract, SignInCodesContract
from burgee.testing.publishing import publish
from burgee.testing.snapshot_file_contract import a_store_snapshot


class TestMemoryFlagStore(FlagStoreContract):
    def make_store(self, clock: Clock) -> FlagStore:
        return MemoryFlagStore(clock)


class TestMemorySignInCodes(SignInCodesContract):
    def make_codes(self) -> SignInCodes:
        return MemorySignInCodes()


class TestAStoreThatStartsFromASnapshot:
    @pytest.fixture
    def store(self) -> MemoryFlagStore:
        return MemoryFlagStore(lambda: 0.0, initial=a_store_snapshot())

    def test_it_has_the_sets_and_flags_of_the_snapshot(self, store: MemoryFlagStore) -> None:
        given = a_store_snapshot()
        assert tuple(store.snapshot(each.flag_set.key) for each in given.sets) == given.sets
        assert len(store.find_flags(FlagQuery())) == 3

    def test_it_has_the_audit_head_of_the_snapshot_and_no_events(self, store: MemoryFlagStore) -> None:
        assert store.audit_head() == (7, "cd" * 32)
        assert store.audit_range(first=1, limit=10) == ()

    def test_the_history_of_a_flag_is_the_step_that_the_snapshot_has(self, store: MemoryFlagStore) -> None:
        (step,) = store.flag_versions("checkout", "a")
        assert (step.version, step.revision, step.flag) == (3, 5, a_flag(key="a"))
        assert store.flag_at("checkout", "a", revision=4) is None
        assert store.flag_at("checkout", "a", revision=5) == step

    def test_it_counts_on_from_there(self, store: MemoryFlagStore) -> None:
        publish(store, a_flag(key="a", name="next"))
        assert store.flag("checkout", "a") == a_flag(key="a", name="next", version=4)
        assert store.audit_head()[0] == 8

    def test_a_snapshot_of_an_empty_store_starts_at_the_genesis_hash(self) -> None:
        assert MemoryFlagStore(lambda: 0.0, initial=StoreSnapshot()).audit_head() == (0, GENESIS_HASH)

    def test_two_stores_of_one_snapshot_are_independent(self) -> None:
        given = a_store_snapshot()
        first = MemoryFlagStore(lambda: 0.0, initial=given)
        publish(first, a_flag(key="a"))
        assert MemoryFlagStore(lambda: 0.0, initial=given).flag("checkout", "a") == a_flag(key="a")
        assert msgspec.json.encode(given) == msgspec.json.encode(a_store_snapshot())
