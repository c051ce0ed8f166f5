"""What snapshots are made of, from the stores of an application."""

from collections.abc import Callable, Iterable

import msgspec

from burgee.model.budget import MANAGEMENT_BUDGET, BudgetScope, BudgetState
from burgee.model.flag import Tombstone
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot
from burgee.ports import BudgetStore, Clock, FlagStore, OverrideStore, SdkKeyStore

_PAGE = 1_000


class StoredContent:
    """A PublishedContent. `adopt` takes over what others wrote beside Burgee."""

    def __init__(
        self,
        flags: FlagStore,
        overrides: OverrideStore,
        keys: SdkKeyStore,
        budgets: BudgetStore,
        *,
        clock: Clock,
        adopt: Callable[[], object] = lambda: None,
    ) -> None:
        self._flags, self._overrides, self._keys, self._budgets = flags, overrides, keys, budgets
        self._clock = clock
        self.adopt = adopt

    def flag_sets(self) -> tuple[str, ...]:
        """The keys of all flag sets."""
        return tuple(each.key for each in self._flags.flag_sets())

    def snapshot(self, flag_set: str) -> Snapshot | None:
        return self._flags.snapshot(flag_set)

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        return self._flags.tombstone(flag_set, key)

    def subjects(self, flag_set: str) -> Iterable[str]:  # noqa: ARG002 - see below
        """Those of all sets: whom a filter names too many costs one of them a read, and nothing else."""
        return self._overrides.overridden_subjects()

    def active_keys(self) -> tuple[SdkKey, ...]:
        """Without what readers do not need to know of a key."""
        now, found = self._clock(), []
        after = ""
        while True:
            page = self._keys.sdk_keys(after=after, limit=_PAGE)
            found += [
                msgspec.structs.replace(each, created_by="", last_used_at=None)
                for each in page
                if each.is_active(now)
            ]
            if len(page) < _PAGE:
                return tuple(found)
            after = page[-1].id

    def is_stopped(self) -> bool:
        row = self._budgets.read(MANAGEMENT_BUDGET)
        return row is not None and row.state is BudgetState.FORCED and row.scope is BudgetScope.ALL
