"""The store that a contract is held against, and how it comes about."""

from collections.abc import Iterator

import pytest

from burgee.model.flag_set import FlagSet
from burgee.ports import Clock, FlagStore
from burgee.testing.builders import (
    THE_DAY,
)


class StoreUnderTest:
    """`self.now` is what the store's clock says."""

    now: float = THE_DAY

    def make_store(self, clock: Clock) -> FlagStore:
        """An empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[FlagStore]:
        store = self.make_store(lambda: self.now)
        yield store
        store.close()

    @staticmethod
    def everything(store: FlagStore) -> tuple[object, ...]:
        """All that can be read of a store that has the set `checkout`."""
        sets: tuple[FlagSet, ...] = store.flag_sets()
        return (
            sets,
            tuple(store.snapshot(each.key) for each in sets),
            tuple(store.changes_since(each.key, 0) for each in sets),
            store.audit_range(first=1, limit=1000),
            store.audit_head(),
        )
