"""Snapshot objects, content and announcements in memory, for tests."""

import threading
from collections.abc import Iterable

import msgspec

from burgee.errors import NotFoundError, UnavailableError, VersionConflictError
from burgee.formats.snapshot import Archive, decode, encode, packed
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot
from burgee.ports.snapshots import Announcement, StoredObject
from burgee.service.snapshot_names import ALL


class MemoryObjects:
    """SnapshotObjects; `fails_writes` of the next writes are lost after they were carried out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.objects: dict[str, StoredObject] = {}
        self.fails_writes = 0
        self._writes = 0

    def read(self, name: str) -> StoredObject | None:
        return self.objects.get(name)

    def write(self, name: str, content: bytes, *, replaces: str | None) -> str:
        with self._lock:
            stands = self.objects.get(name)
            if (stands.tag if stands is not None else None) != replaces:
                raise VersionConflictError(f"{name} is another one by now", current=0)
            self._writes += 1
            tag = f"tag-{self._writes}"
            self.objects[name] = StoredObject(content=content, tag=tag)
        if self.fails_writes:
            self.fails_writes -= 1
            raise UnavailableError("the answer was lost")
        return tag

    def archive(self, name: str = ALL) -> Archive:
        """What stands there."""
        return decode(self.objects[name].content)


class MemorySource:
    """A SnapshotSource: `stored` None is no object, `error` is raised instead of everything."""

    def __init__(self, stored: StoredObject | None = None) -> None:
        self.stored = stored
        self.error: Exception | None = None
        self.tags: list[str] = []
        self.deadlines: list[float] = []

    def fetch(self, tag: str, *, deadline_seconds: float) -> StoredObject | None:
        self.tags.append(tag)
        self.deadlines.append(deadline_seconds)
        if self.error is not None:
            raise self.error
        if self.stored is None:
            raise NotFoundError("there is no object")
        return None if tag == self.stored.tag else self.stored


class MemoryContent:
    """PublishedContent that a test writes into."""

    def __init__(self) -> None:
        self.sets: dict[str, Snapshot] = {}
        self.deleted: dict[tuple[str, str], Tombstone] = {}
        self.overridden: dict[str, list[str]] = {}
        self.keys: tuple[SdkKey, ...] = ()
        self.stopped = False
        self.error: Exception | None = None

    def flag_sets(self) -> tuple[str, ...]:
        return tuple(self.sets)

    def snapshot(self, flag_set: str) -> Snapshot | None:
        if self.error is not None:
            raise self.error
        return self.sets.get(flag_set)

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        return self.deleted.get((flag_set, key))

    def subjects(self, flag_set: str) -> Iterable[str]:
        return iter(self.overridden.get(flag_set, ()))

    def active_keys(self) -> tuple[SdkKey, ...]:
        return self.keys

    def is_stopped(self) -> bool:
        return self.stopped

    def publish(self, flag_set: str, *keys: str) -> Snapshot:
        """The next revision of a set, with boolean flags of these keys."""
        before = self.sets.get(flag_set)
        revision = before.flag_set.revision + 1 if before is not None else 1
        flags = tuple(simple_flag(key, flag_set=flag_set, version=revision) for key in keys)
        self.sets[flag_set] = Snapshot(
            flag_set=FlagSet(key=flag_set, revision=revision, updated_at=float(revision)), flags=flags
        )
        return self.sets[flag_set]


class MemoryAnnouncer:
    """Remembers what was announced."""

    def __init__(self) -> None:
        self.heard: list[Announcement] = []
        self.error: Exception | None = None

    def announce(self, announcement: Announcement) -> None:
        if self.error is not None:
            raise self.error
        self.heard.append(announcement)


def simple_flag(key: str, *, flag_set: str = "default", version: int = 1) -> Flag:
    """A flag that is on."""
    return Flag(
        id=f"id-{key}",
        key=key,
        flag_set=flag_set,
        variants={"on": True, "off": False},
        default_variant="on",
        version=version,
    )


def stored(*snapshots: Snapshot, tag: str = "one", generation: int = 1, **more: object) -> StoredObject:
    """An object of these sets; `more` are members of the archive."""
    archive = Archive(generation=generation, sets=tuple(map(packed, snapshots)))
    content = encode(msgspec.structs.replace(archive, **more))
    return StoredObject(content=content, tag=tag)
