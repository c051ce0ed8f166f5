import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.wrappers.read_only import RETRY_SECONDS, ReadOnlyFlagStore
from burgee.errors import ReadOnlyError
from burgee.ports import AuditQuery, FlagQuery
from burgee.testing.builders import a_flag, an_audit_draft, an_idempotency_record
from burgee.testing.flag_store_contract import FlagStoreContract
from burgee.testing.publishing import next_change, publish


@pytest.fixture
def inner() -> MemoryFlagStore:
    store = MemoryFlagStore(lambda: 0.0)
    publish(store, a_flag(), a_flag(key="gone"), idempotency=an_idempotency_record())
    publish(store, a_flag(name="second"), delete=["gone"])
    return store


@pytest.fixture
def store(inner: MemoryFlagStore) -> ReadOnlyFlagStore:
    return ReadOnlyFlagStore(inner, reason="the disk is a lie")


def test_every_read_is_that_of_the_store_inside(store: ReadOnlyFlagStore, inner: MemoryFlagStore) -> None:
    assert FlagStoreContract.everything(store) == FlagStoreContract.everything(inner)
    assert store.flag("checkout", "banner-colour") == a_flag(name="second", version=2)
    assert store.flag_set("checkout") == inner.flag_set("checkout")
    assert store.find_flags(FlagQuery(search="SECOND")) == inner.find_flags(FlagQuery(search="SECOND")) != ()
    assert store.find_flags(FlagQuery(search="third")) == ()
    assert store.tombstone("checkout", "gone") == inner.tombstone("checkout", "gone") is not None
    assert [step.version for step in store.flag_versions("checkout", "gone", before=2, limit=5)] == [1]
    assert store.flag_at("checkout", "gone", revision=1) == inner.flag_at("checkout", "gone", revision=1)
    assert store.audit_events(AuditQuery(limit=1)) == inner.audit_events(AuditQuery(limit=1))
    assert store.idempotency_record("7c2f", "grace") == an_idempotency_record()
    assert store.change_token() == inner.change_token()


def test_every_write_is_refused_with_the_reason_and_changes_nothing(
    store: ReadOnlyFlagStore, inner: MemoryFlagStore
) -> None:
    before = FlagStoreContract.everything(inner)
    for write in (
        lambda: store.commit([next_change(store, a_flag())]),
        lambda: store.append_audit(an_audit_draft()),
    ):
        with pytest.raises(ReadOnlyError, match="the disk is a lie") as caught:
            write()
        assert caught.value.retry_after == RETRY_SECONDS
    assert FlagStoreContract.everything(inner) == before


def test_the_reason_can_be_asked_for(store: ReadOnlyFlagStore, inner: MemoryFlagStore) -> None:
    assert store.read_only_reason == "the disk is a lie"
    assert inner.read_only_reason is None
    store.close()
