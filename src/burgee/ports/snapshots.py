"""Snapshots as objects: where they are put, where they are read, and who is told."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from burgee.model.flag import Tombstone
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of an object and the tag that names just them."""

    content: bytes
    tag: str


class SnapshotObjects(Protocol):
    """Objects by name, replaced whole and only by who has read what is there. May raise UnavailableError."""

    def read(self, name: str) -> StoredObject | None:
        """The object as it is now, None where there is none."""
        ...

    def write(self, name: str, content: bytes, *, replaces: str | None) -> str:
        """Put `content` in place of what has the tag `replaces`, None where nothing may be there; its tag.

        Raises VersionConflictError where something else is there by now.
        """
        ...


class SnapshotSource(Protocol):
    """Where a reader's snapshot comes from."""

    def fetch(self, tag: str, *, deadline_seconds: float) -> StoredObject | None:
        """What is there, None where it still has `tag` ("" is the tag of nothing known).

        Raises NotFoundError where there is none, UnavailableError, also where that takes longer.
        """
        ...


class PublishedContent(Protocol):
    """What a snapshot is made of, in the store of the flags. Every method may raise UnavailableError."""

    def flag_sets(self) -> tuple[str, ...]:
        """The keys of all flag sets."""
        ...

    def snapshot(self, flag_set: str) -> Snapshot | None:
        """The whole set at one revision, None where there is no such set."""
        ...

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        """The tombstone of a deleted key, None where the key lives or never lived."""
        ...

    def subjects(self, flag_set: str) -> Iterable[str]:
        """Every subject that has an override in that set, in any order, perhaps more than once."""
        ...

    def active_keys(self) -> tuple[SdkKey, ...]:
        """The SDK keys that open anything now, ordered by id."""
        ...

    def is_stopped(self) -> bool:
        """Whether an administrator has stopped evaluation."""
        ...


class Announcement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is said of a new snapshot of a flag set; `sha256` (hex) is the hash of its definitions."""

    flag_set: str
    revision: int
    sha256: str


class Announcer(Protocol):
    """Tells whoever wants to know."""

    def announce(self, announcement: Announcement) -> None:
        """Raises UnavailableError."""
        ...
