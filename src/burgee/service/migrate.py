"""Migrating: everything is read through the ports, put into the other store, read back and compared."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import msgspec

from burgee.errors import ConflictError, StoreDamagedError
from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey
from burgee.ports.migration import (
    Amount,
    CheckpointFile,
    MigrationReport,
    Restore,
    SetHistory,
    StoreParts,
    Tell,
)

_Record = TypeVar("_Record")

PAGE = 1_000
_ALL = 2**31 - 1
_OF_ALL_FLAGS = -1


class Migration:
    """One move of everything from `source` to `target`."""

    def __init__(
        self,
        source: StoreParts,
        restore: Restore,
        checkpoint: CheckpointFile,
        *,
        names: tuple[str, str],
        skipped: int = 0,
    ) -> None:
        self._source, self._restore, self._checkpoint = source, restore, checkpoint
        self._names, self._skipped = names, skipped

    def run(
        self, *, dry_run: bool = False, tell: Tell = lambda _what, _count, _total: None
    ) -> MigrationReport:
        """Move, then compare; a run that was interrupted goes on where it stopped.

        Raises ConflictError where the target holds another store, StoreDamagedError where what was written
        is not what was read, or the source has changed meanwhile.
        """
        head = self._source.flags.audit_head()
        job = f"{self._names[0]} to {self._names[1]} at {head[0]} {head[1]}"
        if not dry_run and not self._is_there(head):
            self._restore.begin()
            self._move(job, head, tell)
        amounts = _amounts(self._source)
        if self._source.flags.audit_head() != head:
            raise ConflictError("the source has changed meanwhile: stop its writers and start again")
        if not dry_run:
            found = _amounts(self._restore.open())
            if found != amounts:
                different = [what for what in amounts if amounts[what] != found[what]]
                raise StoreDamagedError(f"what was written is not what was read: {', '.join(different)}")
            self._checkpoint.clear()
        return MigrationReport(
            source=self._names[0],
            target=self._names[1],
            dry_run=dry_run,
            verified=not dry_run,
            amounts=amounts,
            head=head[1],
            skipped=self._skipped,
        )

    def _is_there(self, head: tuple[int, str]) -> bool:
        """Whether an earlier run has finished, and only the comparison is left."""
        if not head[0] or not self._restore.survives:
            return False
        return self._restore.open().flags.audit_head() == head

    def _move(self, job: str, head: tuple[int, str], tell: Tell) -> None:
        done = self._checkpoint.load(job) if self._restore.survives else frozenset()

        def step(unit: str, put: Callable[[], None]) -> None:
            if unit not in done:
                put()
                if self._restore.survives:
                    self._checkpoint.add(job, unit)

        for history in histories(self._source):
            step(f"set {history.flag_set.key}", partial(self._restore.put_set, history))
            tell("flags", len(history.entities), 0)
        for number, events in enumerate(_pages(_events(self._source))):
            step(f"events {number}", partial(self._restore.put_events, events))
            tell("events", len(events), head[0])
        mark = self._source.overrides.override_mark()
        for number, some in enumerate(_pages(_overrides(self._source))):
            step(f"overrides {number}", partial(self._restore.put_overrides, some))
            tell("overrides", len(some), mark.count)
        for number, keys in enumerate(_pages(_keys(self._source))):
            step(f"keys {number}", partial(self._restore.put_keys, keys))
            tell("keys", len(keys), 0)
        self._restore.finish(head=head, mark=mark, key_changes=self._source.keys.sdk_key_changes())


def histories(source: StoreParts) -> Iterator[SetHistory]:
    """Every flag set with everything in it, ordered by key."""
    flags = source.flags
    for flag_set in sorted(flags.flag_sets(), key=lambda each: each.key):
        newest = flags.changes_since(flag_set.key, _OF_ALL_FLAGS)
        entities: list[Flag | Tombstone] = []
        steps: list[FlagVersion] = []
        snapshot = flags.snapshot(flag_set.key)
        living = {flag.key: flag for flag in (snapshot.flags if snapshot is not None else ())}
        for step in newest:
            entity = living.get(step.key) or flags.tombstone(flag_set.key, step.key)
            if entity is None:
                raise StoreDamagedError(f"{flag_set.key}/{step.key} is neither a flag nor a tombstone")
            entities.append(entity)
            steps += reversed(flags.flag_versions(flag_set.key, step.key, limit=_ALL))
        if len(living) > len(newest):
            raise StoreDamagedError(f"flags of {flag_set.key} have no history")
        yield SetHistory(flag_set, tuple(entities), tuple(steps))


def _events(source: StoreParts) -> Iterator[AuditEvent]:
    first = 1
    while events := source.flags.audit_range(first=first, limit=PAGE):
        yield from events
        first = events[-1].sequence + 1


def _overrides(source: StoreParts) -> Iterator[tuple[int, Override]]:
    """Every override with the sequence of its last write, in that order."""
    sequence = 0
    while page := source.overrides.subjects_changed_since(sequence, limit=PAGE):
        first, sequence = page[0][0], page[-1][0]
        events = _events_between(source, first, sequence)
        for at, subject in page:
            event = events[at]
            override = source.overrides.override(event.flag_set, event.flag_key, subject)
            if override is not None:
                yield at, override


def _events_between(source: StoreParts, first: int, last: int) -> dict[int, AuditEvent]:
    found: dict[int, AuditEvent] = {}
    while first <= last:
        events = source.flags.audit_range(first=first, limit=min(PAGE, last - first + 1))
        found |= {event.sequence: event for event in events}
        first = events[-1].sequence + 1 if events else last + 1
    return found


def _keys(source: StoreParts) -> Iterator[SdkKey]:
    after = ""
    while keys := source.keys.sdk_keys(after=after, limit=PAGE):
        yield from keys
        after = keys[-1].id


def _amounts(parts: StoreParts) -> dict[str, Amount]:
    sets = _Sum(), _Sum(), _Sum()
    for history in histories(parts):
        sets[0].add(history.flag_set)
        for entity in history.entities:
            sets[1].add(entity)
        for step in history.steps:
            sets[2].add(step)
    return {
        "flagSets": sets[0].amount(),
        "flags": sets[1].amount(),
        "versions": sets[2].amount(),
        "events": _sum(_events(parts)),
        "overrides": _sum(_overrides(parts)),
        "keys": _sum(_keys(parts)),
    }


def _sum(records: Iterator[object]) -> Amount:
    total = _Sum()
    for record in records:
        total.add(record)
    return total.amount()


class _Sum:
    """Counts and hashes records as they come."""

    def __init__(self) -> None:
        self._count, self._hash = 0, hashlib.sha256()

    def add(self, record: object) -> None:
        self._count += 1
        self._hash.update(msgspec.json.encode(record, order="sorted") + b"\n")

    def amount(self) -> Amount:
        return Amount(count=self._count, sha256=self._hash.hexdigest())


def _pages(records: Iterator[_Record]) -> Iterator[list[_Record]]:
    page: list[_Record] = []
    for record in records:
        page.append(record)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
