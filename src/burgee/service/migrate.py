"""Migrating: everything is read through the ports, put into the other store, read back and compared."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from burgee.errors import ConflictError, StoreDamagedError
from burgee.ports import Clock
from burgee.ports.migration import (
    Holding,
    Holds,
    MigrationReport,
    Restore,
    StoreParts,
    Tell,
)
from burgee.service.migration_sums import (
    PAGE,
    Sums,
    amounts,
    differences,
    events,
    histories,
    named,
    sets,
    summed,
)

_Value = TypeVar("_Value")

FLAGS_AT_ONCE = 100
_EVENTS_NAMED = 5


class Migration:
    """One move of everything from `source` to `target`."""

    def __init__(self, source: StoreParts, restore: Restore, *, names: tuple[str, str], clock: Clock) -> None:
        self._source, self._restore, self._names, self._clock = source, restore, names, clock

    def run(
        self,
        *,
        dry_run: bool = False,
        start_over: bool = False,
        tell: Tell = lambda _what, _count, _total: None,
    ) -> MigrationReport:
        """Move, then compare; a run that was interrupted goes on where it stopped.

        The target is a store only once it was found to be the same. Raises ConflictError where it holds
        another one, or the source has changed meanwhile, StoreDamagedError where what was written is not
        what was read.
        """
        now = self._clock()
        head = self._source.flags.audit_head()
        # Of another source the hash is another one, and so it is of this one after any change.
        job = f"{self._names[0]} at {head[0]} {head[1]}"
        held = self._restore.holding()
        self._refuse(held, job, head, start_over=start_over)
        already, resumed = held.holds is Holds.STORE, held.holds is Holds.HALF and held.job == job
        if not dry_run and not already:
            if held.holds is Holds.HALF and not resumed:
                self._restore.discard()
            if not resumed:
                # Sources that know no such thing are read as of this moment, in every run.
                self._restore.begin(job, at=self._source_began_at(now))
            self._move(held if resumed else Holding(Holds.HALF), head, tell, now=now)
        again = self._source.reread() if self._source.reread is not None else self._source
        sums = summed(again, now=now, hear=lambda count: tell("source read", count, 0))
        self._require_unchanged(again, head, sums, now=now)
        if not dry_run:
            self._compare(again, sums, tell, now=now)
            self._restore.finish()
        return MigrationReport(
            source=self._names[0],
            target=self._names[1],
            dry_run=dry_run,
            verified=not dry_run,
            amounts=amounts(sums),
            head=head[1],
            already=already,
            resumed=resumed,
            remarks=tuple(again.beside.remarks()),
        )

    def _refuse(self, held: Holding, job: str, head: tuple[int, str], *, start_over: bool) -> None:
        target = self._names[1]
        if held.holds is Holds.STORE and held.head != head:
            raise ConflictError(
                f"{target} holds a store already, and not this one: it ends at event {held.head[0]}, the "
                f"source at event {head[0]}; name an empty data folder, or empty tables"
            )
        if held.holds is Holds.HALF and held.job != job and not start_over:
            raise ConflictError(
                f"{target} holds half a copy of another store, or of this one before it changed "
                f"({held.job}); --start-over throws that away and begins again"
            )

    def _source_began_at(self, now: float) -> float:
        first = self._source.flags.audit_range(first=1, limit=1)
        return first[0].at if first else now

    # --- moving

    def _move(self, held: Holding, head: tuple[int, str], tell: Tell, *, now: float) -> None:
        source, restore = self._source, self._restore
        self._move_sets(held.progress, tell)
        after = int(held.progress.get("events", "0"))
        tell("events", after, head[0])
        for some in _pages(events(source, after=after), PAGE):
            restore.put_events(some, position=str(some[-1].sequence))
            tell("events", len(some), head[0])
        mark = source.beside.override_mark()
        for page in source.beside.overrides(after=held.progress.get("overrides", "")):
            restore.put_overrides(page)
            tell("overrides", len(page.overrides), mark.count)
        restore.put_records((), is_first=True)
        for records in _pages(source.beside.records(now=now), PAGE):
            restore.put_records(records, is_first=False)
            for record in records:
                tell(named(record).kind, 1, 0)
        restore.seal(head=head, mark=mark, key_changes=source.beside.key_changes())

    def _move_sets(self, progress: Mapping[str, str], tell: Tell) -> None:
        last_set = progress.get("sets")
        in_set, page, after = msgspec.json.decode(
            progress.get("flags", '["", 0, ""]'), type=tuple[str, int, str]
        )
        for flag_set in sets(self._source):
            key = flag_set.key
            if last_set is not None and key <= last_set:
                continue
            page, after = (page, after) if key == in_set else (0, "")
            for some in _pages(histories(self._source, key, after=after), FLAGS_AT_ONCE):
                position = msgspec.json.encode((key, page + 1, some[-1].entity.key)).decode()
                self._restore.put_flags(key, page, some, position=position)
                page += 1
                tell("flags", len(some), 0)
            self._restore.put_set(flag_set, position=key)

    # --- comparing

    def _require_unchanged(self, again: StoreParts, head: tuple[int, str], sums: Sums, *, now: float) -> None:
        changed: list[str] = []
        if self._source.reread is not None:
            before = summed(self._source, now=now)
            changed = differences(self._source, again, (before, sums), now=now)
        if not changed and again.flags.audit_head() != head:
            more = list(islice(events(again, after=head[0]), _EVENTS_NAMED))
            changed = [f"event {event.sequence}, {event.action} of {event.entity}" for event in more]
            changed = changed or ["its audit log"]
        if changed:
            raise ConflictError(
                f"the source has changed while it was read: {'; '.join(changed)}; stop its writers and "
                "start again with --start-over"
            )
        counted = again.beside.override_mark().count
        if sums["overrides"].count != counted:
            found = sums["overrides"].count
            raise StoreDamagedError(f"the source has {found} overrides, where it counted {counted}")

    def _compare(self, again: StoreParts, sums: Sums, tell: Tell, *, now: float) -> None:
        target = self._restore.open()
        total = sum(each.count for each in sums.values())
        found = summed(target, now=now, hear=lambda count: tell("compared", count, total))
        different = differences(again, target, (sums, found), now=now)
        if different:
            raise StoreDamagedError(
                f"{self._names[1]} is not what {self._names[0]} is now: {'; '.join(different)}; stop the "
                "writers of both and run it again"
            )


def _pages(records: Iterable[_Value], size: int) -> Iterator[list[_Value]]:
    rest = iter(records)
    while page := list(islice(rest, size)):
        yield page
