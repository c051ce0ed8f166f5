"""What becomes of a snapshot object when something newer is known: pure, so that every order can be tried."""

from collections.abc import Iterable

import msgspec

from burgee.errors import ConflictError
from burgee.formats.snapshot import Archive, SetSnapshot
from burgee.model.sdk_key import SdkKey
from burgee.service.filter_layers import with_subjects


class EmptySnapshotError(ConflictError):
    """A flag set without flags in place of one with flags, and nothing that says that this is right."""


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """What was read for one object: a flag set, more subjects of it, and what holds for all sets.

    `definitions` None leaves the flags as they are. `replaces_filter` makes the filter anew from `subjects`.
    `keys` and `stopped` None leave those. `allow_empty` lets a set without flags replace one with flags.
    """

    flag_set: str = ""
    definitions: SetSnapshot | None = None
    subjects: tuple[str, ...] = ()
    replaces_filter: bool = False
    room: int = 0
    keys: tuple[SdkKey, ...] | None = None
    stopped: bool | None = None
    allow_empty: bool = False


def merged(present: Archive, fresh: Fresh, *, now_ms: int, seed: int) -> Archive:
    """`present` with `fresh` in it, of the next generation; the same object where that changes nothing.

    No flag set goes back: one with a lower revision, or the same one of an earlier time, changes nothing.
    `seed` is that of a filter that is made here. Raises EmptySnapshotError.
    """
    sets = _with_set(present, fresh, seed=seed)
    keys = present.keys if fresh.keys is None else fresh.keys
    stopped = present.stopped if fresh.stopped is None else fresh.stopped
    if sets == present.sets and keys == present.keys and stopped == present.stopped:
        return present
    # By the clock too: what is written after the object was deleted must still be the newer one to readers.
    return Archive(generation=max(present.generation + 1, now_ms), sets=sets, keys=keys, stopped=stopped)


def _with_set(present: Archive, fresh: Fresh, *, seed: int) -> tuple[SetSnapshot, ...]:
    if not fresh.flag_set:
        return present.sets
    stands = present.find(fresh.flag_set)
    newer = fresh.definitions
    if newer is None or (stands is not None and not _is_newer(newer, stands)):
        newer = stands
    elif stands is not None and stands.flags and not newer.flags and not fresh.allow_empty:
        words = f"flag set {fresh.flag_set} has {stands.flags} flags in the snapshot, and none at revision"
        raise EmptySnapshotError(f"{words} {newer.revision}; it needs allow_empty")
    if newer is None:
        return present.sets  # nobody evaluates a set that has no definitions
    newer = msgspec.structs.replace(newer, **_filter(stands, fresh, seed=seed))
    others = [each for each in present.sets if each.flag_set != fresh.flag_set]
    return tuple(sorted([*others, newer], key=_name))


def _is_newer(one: SetSnapshot, other: SetSnapshot) -> bool:
    return (one.revision, one.updated_at) > (other.revision, other.updated_at)


def _filter(stands: SetSnapshot | None, fresh: Fresh, *, seed: int) -> dict[str, object]:
    if stands is None or fresh.replaces_filter:
        return {"seed": seed, "layers": with_subjects((), fresh.subjects, seed=seed, room=fresh.room)}
    layers = with_subjects(stands.layers, fresh.subjects, seed=stands.seed)
    return {"seed": stands.seed, "layers": layers}


def _name(each: SetSnapshot) -> str:
    return each.flag_set


def with_subjects_of(fresh: Fresh, subjects: Iterable[str]) -> Fresh:
    """`fresh` as it must be where the object has no such set yet: with every subject of it."""
    everyone = tuple(dict.fromkeys([*fresh.subjects, *subjects]))
    return msgspec.structs.replace(fresh, subjects=everyone, room=len(everyone) + len(everyone) // 4)
