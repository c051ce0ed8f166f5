"""Overrides in dictionaries, beside a MemoryFlagStore whose audit chain they share."""

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from burgee.adapters.memory import MemoryFlagStore
from burgee.errors import VersionConflictError
from burgee.model.audit import AuditEvent
from burgee.model.override import Override, OverrideChange, check_override_change
from burgee.ports import OverrideMark

FlagPlace = tuple[str, str]


class _Stored(msgspec.Struct, frozen=True):
    override: Override
    sequence: int


class MemoryOverrideStore:
    """The OverrideStore that the others are compared with; it forgets everything with its process."""

    def __init__(self, store: MemoryFlagStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._subjects: dict[str, dict[FlagPlace, _Stored]] = {}
        self._flags: dict[FlagPlace, dict[str, _Stored]] = {}
        self._log: list[tuple[int, str, FlagPlace]] = []
        self._mark = OverrideMark()

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        with self._lock:
            stored = self._find(flag_set, flag_key, targeting_key)
            return stored.override if stored is not None else None

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        with self._lock:
            places = sorted(self._subjects.get(targeting_key, {}).items())
        found = (
            stored.override
            for place, stored in places
            if (flag_set is None or place[0] == flag_set) and (after is None or place > after)
        )
        return tuple(islice(found, max(0, limit)))

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        with self._lock:
            subjects = sorted(self._flags.get((flag_set, flag_key), {}).items())
        found = (stored.override for subject, stored in subjects if subject > after)
        return tuple(islice(found, max(0, limit)))

    def write_override(self, change: OverrideChange) -> AuditEvent:
        return self.write_overrides([change])[0]

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_override_change(change)
        if not changes:
            return ()
        with self._lock:
            self._expect(changes)
            # Reads, the token among them, wait for the lock: who sees the token move reads the new state.
            events = self._store.append_all([change.audit for change in changes])
            first = events[0].sequence
            for sequence, change in enumerate(changes, first):
                self._put(change, sequence)
            count = sum([len(places) for places in self._subjects.values()])
            self._mark = OverrideMark(sequence=events[-1].sequence, count=count)
        return events

    def override_mark(self) -> OverrideMark:
        with self._lock:
            return self._mark

    def overridden_subjects(self) -> Iterator[str]:
        with self._lock:
            subjects = sorted(self._subjects)
        yield from subjects

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        with self._lock:
            newer = self._log[bisect_right(self._log, sequence, key=lambda entry: entry[0]) :]
            there = (
                (at, subject)
                for at, subject, place in newer
                if (stored := self._subjects.get(subject, {}).get(place)) is not None
                and stored.sequence == at
            )
            return tuple(islice(there, max(0, limit)))

    def change_token(self) -> int:
        with self._lock:
            return self._store.change_token()

    def _find(self, flag_set: str, flag_key: str, targeting_key: str) -> _Stored | None:
        return self._subjects.get(targeting_key, {}).get((flag_set, flag_key))

    def _expect(self, changes: Sequence[OverrideChange]) -> None:
        versions: dict[tuple[str, str, str], int] = {}
        for change in changes:
            stored = self._find(*change.place)
            current = versions.get(change.place, stored.override.version if stored is not None else 0)
            if current != change.expected_version:
                message = f"the override of {change.flag_key} is at version {current}"
                raise VersionConflictError(message, current=current)
            versions[change.place] = change.override.version if change.override is not None else 0

    def _put(self, change: OverrideChange, sequence: int) -> None:
        flag, subject = (change.flag_set, change.flag_key), change.targeting_key
        of_subject = self._subjects.setdefault(subject, {})
        of_flag = self._flags.setdefault(flag, {})
        if change.override is not None:
            of_subject[flag] = of_flag[subject] = _Stored(change.override, sequence)
            self._log.append((sequence, subject, flag))
            return
        del of_subject[flag], of_flag[subject]
        if not of_subject:
            del self._subjects[subject]
        if not of_flag:
            del self._flags[flag]
