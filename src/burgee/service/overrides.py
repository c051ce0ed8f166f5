"""Overrides: one subject gets of one flag what somebody has decided for it, until it expires."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from burgee.errors import InvalidInputError, NotFoundError, VersionConflictError
from burgee.model.flag import Flag
from burgee.model.override import Override
from burgee.ports import Clock, FlagStore, OverrideStore
from burgee.service.applied_overrides import AppliedOverrides
from burgee.service.catalogue import LiveCatalogue
from burgee.service.intent import Author, Precondition
from burgee.service.overridden_subjects import OverriddenSubjects
from burgee.service.override_drafts import OverrideDraft, faults_of, is_alive
from burgee.service.override_import import ImportedOverrides, OverrideImporter, OverrideRow
from burgee.service.override_plans import deletion, plan

__all__ = ["ImportedOverrides", "OverrideDraft", "OverrideRow", "Overrides"]

_ATTEMPTS = 16

Outcome = TypeVar("Outcome")


class Overrides(AppliedOverrides):
    """Reads, applies and writes overrides."""

    subjects: OverriddenSubjects

    def __init__(
        self,
        store: OverrideStore,
        flags: FlagStore,
        live: LiveCatalogue,
        *,
        clock: Clock,
        seed: int = 0,
    ) -> None:
        super().__init__(store, OverriddenSubjects(store, clock=clock, seed=seed), live, clock=clock)
        self._store = store
        self._flags = flags

    # -- reading, as it is stored

    def get(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        """The override of that place."""
        found = self._store.override(flag_set, flag_key, targeting_key)
        holds = self._by_store()
        return found if found is not None and holds(found) else None

    def of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        """Ordered by (flag set, flag key), starting after `after`; fewer than `limit`: there are no more."""

        def page(last: Override | None) -> tuple[Override, ...]:
            start = (last.flag_set, last.flag_key) if last is not None else after
            return self._store.overrides_of_subject(
                targeting_key, flag_set=flag_set, after=start, limit=limit
            )

        return _holding(page, self._by_store(), limit)

    def of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        """Ordered by targeting key, starting after `after`; fewer than `limit`: there are no more."""

        def page(last: Override | None) -> tuple[Override, ...]:
            start = last.targeting_key if last is not None else after
            return self._store.overrides_of_flag(flag_set, flag_key, after=start, limit=limit)

        return _holding(page, self._by_store(), limit)

    # -- writing

    def put(
        self,
        draft: OverrideDraft,
        *,
        author: Author,
        must_not_exist: bool = False,
        version: int | None = None,
    ) -> Override:
        """Create or replace an override; one that is as asked for already stays as it is.

        `version` is the one that the writer has read. Raises NotFoundError where there is no such flag,
        InvalidInputError with every fault, AlreadyExistsError, VersionConflictError.
        """
        flag = self._flags.flag(draft.flag_set, draft.flag_key)
        if flag is None:
            raise NotFoundError(f"there is no flag {draft.flag_key} in flag set {draft.flag_set}")
        precondition = Precondition(version=version, must_not_exist=must_not_exist)
        faults = faults_of(draft, flag, now=self._clock())
        if faults:
            raise InvalidInputError(faults)

        def attempt() -> Override:
            stored = self._store.override(*draft.place)
            planned = plan(draft, flag, stored, author=author, now=self._clock())
            precondition.require(draft.name, planned.version)
            if planned.change is not None:
                self._store.write_override(planned.change)
            return planned.override

        put = self._attempt(attempt, is_conditional=version is not None or must_not_exist)
        self.subjects.catch_up()
        return put

    def delete(
        self,
        flag_set: str,
        flag_key: str,
        targeting_key: str,
        *,
        author: Author,
        version: int | None = None,
    ) -> None:
        """Delete an override.

        Raises NotFoundError where there is none, VersionConflictError where `version` is not its version.
        """
        draft = OverrideDraft(flag_set=flag_set, flag_key=flag_key, targeting_key=targeting_key)

        def attempt() -> None:
            stored = self._store.override(*draft.place)
            if stored is None or not self._by_store()(stored):
                raise NotFoundError(f"there is no override of {flag_key} for this subject")
            Precondition(version=version).require(draft.name, stored.version)
            self._store.write_override(deletion(stored, author=author, now=self._clock()))

        self._attempt(attempt, is_conditional=version is not None)
        self.subjects.catch_up()

    def import_rows(
        self, rows: Sequence[OverrideRow], *, author: Author, dry_run: bool = False
    ) -> ImportedOverrides:
        """Put many overrides; see `OverrideImporter.run`."""
        importer = OverrideImporter(self._store, self._flags, clock=self._clock)
        try:
            return importer.run(rows, author=author, dry_run=dry_run)
        finally:
            self.subjects.catch_up()

    def _attempt(self, attempt: Callable[[], Outcome], *, is_conditional: bool) -> Outcome:
        """Without a condition, a write that another one overtook is made again on top of that."""
        for _ in range(1 if is_conditional else _ATTEMPTS):
            try:
                return attempt()
            except VersionConflictError as error:
                conflict = error
        raise conflict

    def _by_store(self) -> Callable[[Override], bool]:
        """Whether an override holds by the flags that are stored: served, they may be a moment behind."""
        flags: dict[tuple[str, str], Flag | None] = {}
        now = self._clock()

        def holds(override: Override) -> bool:
            place = (override.flag_set, override.flag_key)
            if place not in flags:
                flags[place] = self._flags.flag(*place)
            return is_alive(override, flags[place], now=now)

        return holds


def _holding(
    page: Callable[[Override | None], tuple[Override, ...]], holds: Callable[[Override], bool], limit: int
) -> tuple[Override, ...]:
    """`limit` overrides that hold, from as many pages as that takes."""
    found: list[Override] = []
    last: Override | None = None
    while len(found) < limit:
        read = page(last)
        found += [each for each in read if holds(each)]
        if len(read) < limit:
            break
        last = read[-1]
    return tuple(found[:limit])
