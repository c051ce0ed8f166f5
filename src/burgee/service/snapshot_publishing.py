"""Publishing snapshots: what the store of the flags holds becomes what readers of objects evaluate.

An object is read, merged and written back only over what was read. So of any number of publishers, however
long one of them slept, none brings back what another one has replaced.
"""

import logging
from collections.abc import Callable, Iterable

import msgspec

from burgee.errors import StoreDamagedError, UnavailableError, VersionConflictError
from burgee.formats import snapshot as snapshots
from burgee.formats.snapshot import Archive, SetSnapshot
from burgee.ports.clock import Clock
from burgee.ports.snapshots import Announcement, Announcer, PublishedContent, SnapshotObjects
from burgee.service.snapshot_merging import Fresh, merged, with_subjects_of
from burgee.service.snapshot_names import ALL, set_object

_log = logging.getLogger("burgee.snapshot")

ATTEMPTS = 16


class SnapshotPublisher:
    """Brings the objects up to the store. `new_seed` is chance: the seed of a filter that is made."""

    def __init__(
        self,
        content: PublishedContent,
        objects: SnapshotObjects,
        announcer: Announcer,
        *,
        clock: Clock,
        new_seed: Callable[[], int],
    ) -> None:
        self._content, self._objects, self._announcer = content, objects, announcer
        self._clock, self._new_seed = clock, new_seed

    def publish(
        self,
        flag_set: str,
        *,
        subjects: Iterable[str] = (),
        allow_empty: bool = False,
        rebuilds_filter: bool = False,
    ) -> Announcement | None:
        """Bring one flag set up to the store, and add `subjects` to those who may have overrides.

        What is in place afterwards, which may be newer than what was read here; None where there is no such
        set. It is announced in every case: whoever was told of it before loses nothing, and a failure between
        writing and telling is made good by the next attempt. `rebuilds_filter` makes the filter anew. Raises
        EmptySnapshotError, UnavailableError.
        """
        found = self._content.snapshot(flag_set)
        if found is None:
            return None
        definitions = snapshots.packed(found)
        fresh = Fresh(
            flag_set=flag_set,
            definitions=definitions,
            subjects=tuple(subjects),
            replaces_filter=rebuilds_filter,
            allow_empty=allow_empty,
            keys=self._content.active_keys(),
            stopped=self._content.is_stopped(),
        )
        # The common object comes last: when it is new, so is everything.
        self._write(set_object(flag_set), fresh)
        placed = self._write(ALL, fresh).find(flag_set) or definitions
        announcement = Announcement(flag_set=flag_set, revision=placed.revision, sha256=placed.sha256)
        self._announcer.announce(announcement)
        return announcement

    def publish_access(self) -> None:
        """Bring the SDK keys, and whether evaluation is stopped, up to the store. Raises UnavailableError."""
        fresh = Fresh(keys=self._content.active_keys(), stopped=self._content.is_stopped())
        for each in self._write(ALL, fresh).sets:
            self._write(set_object(each.flag_set), fresh)

    def _write(self, name: str, fresh: Fresh) -> Archive:
        """Write `fresh` into the object, where that changes anything; what is in place then."""
        for _ in range(ATTEMPTS):
            present, tag = self._read(name)
            is_there = present is not None
            if present is None:
                present = self._rebuilt(besides=fresh.flag_set) if name == ALL else Archive()
            present = _without_damaged(present, fresh.flag_set)
            complete = self._completed(present, fresh)
            after = merged(present, complete, now_ms=self._now_ms(), seed=self._new_seed())
            if after is present and (is_there or not present.sets):
                return present
            try:
                self._objects.write(name, snapshots.encode(after), replaces=tag)
            except VersionConflictError:
                continue
            return after
        raise UnavailableError(f"the snapshot {name} is written by too many at once")

    def _rebuilt(self, *, besides: str) -> Archive:
        """The common object as it would be, had every other set just been published."""
        archive = Archive()
        for flag_set in self._content.flag_sets():
            found = self._content.snapshot(flag_set) if flag_set != besides else None
            if found is not None:
                fresh = Fresh(flag_set=flag_set, definitions=snapshots.packed(found))
                fresh = with_subjects_of(fresh, self._content.subjects(flag_set))
                archive = merged(archive, fresh, now_ms=self._now_ms(), seed=self._new_seed())
        return archive

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _read(self, name: str) -> tuple[Archive | None, str | None]:
        """The object and its tag; no object where there is none, or none that can be read."""
        stored = self._objects.read(name)
        if stored is None:
            return None, None
        try:
            return snapshots.decode(stored.content), stored.tag
        except StoreDamagedError as error:
            # Nobody can read it, so nothing is lost with it; the store has all that was in it.
            _log.warning("snapshot.replaced_damaged", extra={"object": name, "problem": str(error)})
            return None, stored.tag

    def _completed(self, present: Archive, fresh: Fresh) -> Fresh:
        """`fresh` with what only this object needs."""
        if not fresh.flag_set:
            return fresh
        stands = present.find(fresh.flag_set)
        if stands is None or fresh.replaces_filter:
            fresh = with_subjects_of(fresh, self._content.subjects(fresh.flag_set))
        if stands is not None and self._was_emptied(stands, fresh):
            fresh = msgspec.structs.replace(fresh, allow_empty=True)
        return fresh

    def _was_emptied(self, stands: SetSnapshot, fresh: Fresh) -> bool:
        """Whether every flag that is in the object was deleted on purpose: its tombstone is proof."""
        newer = fresh.definitions
        if fresh.allow_empty or newer is None or newer.flags or not stands.flags:
            return False
        if newer.revision <= stands.revision:
            return False
        return all(
            self._content.tombstone(flag.flag_set, flag.key) is not None for flag in stands.snapshot().flags
        )


def _without_damaged(archive: Archive, flag_set: str) -> Archive:
    """`archive` without definitions of `flag_set` that nobody can read.

    The revision that they claim to be may be any: believed, it would keep every true one out.
    """
    found = archive.find(flag_set)
    if found is None:
        return archive
    try:
        found.snapshot()
    except StoreDamagedError as error:
        _log.warning("snapshot.replaced_damaged", extra={"flagSet": flag_set, "problem": str(error)})
        sets = tuple(each for each in archive.sets if each.flag_set != flag_set)
        return msgspec.structs.replace(archive, sets=sets)
    return archive
