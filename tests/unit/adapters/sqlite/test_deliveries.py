"""SQLite deliveries: the contract, and the outbox that they drain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.sqlite.deliveries import SqliteDeliveries, deliveries_beside
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.model.delivery import DeliveryState
from burgee.ports import Deliveries
from burgee.testing.builders import THE_DAY, an_audit_draft
from burgee.testing.contracts import DeliveriesContract
from burgee.testing.deliveries_contract import FAILING, a_letter

SINKS = ("webhook", "files")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteFlagStore]:
    store = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    yield store
    store.close()


class TestSqliteDeliveries(DeliveriesContract):
    @pytest.fixture(autouse=True)
    def _store(self, store: SqliteFlagStore) -> None:
        self.store = store

    def make_deliveries(self) -> Deliveries:
        return SqliteDeliveries(self.store, sinks=SINKS)


def waiting(store: SqliteFlagStore) -> list[int]:
    return [sequence for sequence, _ in store.outbox(first=1, limit=100)]


def with_events(store: SqliteFlagStore, count: int) -> SqliteFlagStore:
    for _ in range(count):
        store.append_audit(an_audit_draft())
    return store


def test_the_outbox_keeps_what_any_sink_still_waits_for(store: SqliteFlagStore) -> None:
    deliveries = SqliteDeliveries(with_events(store, 6), sinks=SINKS)
    deliveries.keep("webhook", DeliveryState(sequence=5))
    assert waiting(store) == [1, 2, 3, 4, 5, 6]  # the files never had any
    deliveries.keep("files", DeliveryState(sequence=3))
    assert waiting(store) == [4, 5, 6]
    deliveries.keep("files", DeliveryState(sequence=6))
    assert waiting(store) == [6]
    deliveries.keep("webhook", DeliveryState(sequence=6))
    assert waiting(store) == []
    assert len(store.audit_range(first=1, limit=100)) == 6


def test_a_sink_that_is_gone_holds_nothing_back(store: SqliteFlagStore) -> None:
    SqliteDeliveries(with_events(store, 3), sinks=SINKS).keep("webhook", DeliveryState(sequence=1))
    SqliteDeliveries(store, sinks=("files",)).keep("files", DeliveryState(sequence=3))
    assert waiting(store) == []


def test_everything_survives_a_restart(store: SqliteFlagStore, tmp_path: Path) -> None:
    SqliteDeliveries(store, sinks=SINKS).keep("webhook", FAILING, dead=a_letter())
    store.close()
    again = SqliteFlagStore(tmp_path / "flags.db", lambda: THE_DAY)
    again.verify()
    deliveries = SqliteDeliveries(again)
    assert deliveries.state("webhook") == FAILING
    assert deliveries.dead_letters() == (a_letter(number=1),)
    again.close()


def test_who_only_reads_makes_no_tables(store: SqliteFlagStore) -> None:
    before = store.path.read_bytes()
    deliveries = SqliteDeliveries(store)
    assert deliveries.state("webhook") is None
    assert deliveries.dead_letters() == ()
    assert store.path.read_bytes() == before


def test_deliveries_stand_beside_a_store_that_can_be_written(store: SqliteFlagStore) -> None:
    memory = MemoryFlagStore(lambda: THE_DAY)
    assert isinstance(deliveries_beside(store), SqliteDeliveries)
    assert deliveries_beside(memory) is not None
    assert deliveries_beside(ReadOnlyFlagStore(memory, reason="damaged"), sinks=SINKS) is None
