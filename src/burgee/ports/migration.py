"""Moving everything from one store into another, to the last hash."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey
from burgee.ports.flags import FlagStore
from burgee.ports.identity import SdkKeyStore
from burgee.ports.overrides import OverrideMark, OverrideStore

Tell: TypeAlias = Callable[[str, int, int], None]
"""Hears what is moved (`flags`), how many of them now, and how many there are in all (0: unknown)."""


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of one kind, and the SHA-256 (hex) of all of them."""

    count: int
    sha256: str


class MigrationReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was moved, or would be; `verified`: the other store was read back, and it is the same.

    `skipped` counts what the source holds and no store could: mappings of flags that are not there.
    """

    source: str
    target: str
    dry_run: bool
    verified: bool
    amounts: dict[str, Amount]
    head: str = ""
    skipped: int = 0


class Move(Protocol):
    """A migration that is ready to run."""

    def run(self, *, dry_run: bool = False, tell: Tell = ...) -> MigrationReport:
        """Move everything, then compare; a run that was interrupted goes on where it stopped.

        Raises ConflictError where the target holds another store or the source changes meanwhile,
        StoreDamagedError where what was written is not what was read.
        """
        ...


class StoreParts(NamedTuple):
    """A store, as far as it is moved: flags, history and audit, overrides, SDK keys."""

    flags: FlagStore
    overrides: OverrideStore
    keys: SdkKeyStore


class SetHistory(NamedTuple):
    """A flag set with all that stands in it, and every step there was, ordered by (key, version)."""

    flag_set: FlagSet
    entities: tuple[Flag | Tombstone, ...]
    steps: tuple[FlagVersion, ...]

    def keys_by_revision(self) -> Mapping[int, Sequence[str]]:
        """The keys that each revision changed; a revision may have changed none."""
        changed: dict[int, list[str]] = {at: [] for at in range(1, self.flag_set.revision + 1)}
        for step in self.steps:
            changed.setdefault(step.revision, []).append(step.key)
        return changed


class Restore(Protocol):
    """A store in the making: everything is put into it, then `finish` makes it one, at once.

    Putting the same twice does no harm. Every method may raise UnavailableError.
    """

    @property
    def survives(self) -> bool:
        """Whether what was put outlives the process, so that it need not be put again."""
        ...

    def begin(self) -> None:
        """Raises ConflictError where there is a store already."""
        ...

    def put_set(self, history: SetHistory) -> None: ...

    def put_events(self, events: Sequence[AuditEvent]) -> None: ...

    def put_overrides(self, overrides: Sequence[tuple[int, Override]]) -> None:
        """Overrides with the audit sequences of their last writes."""
        ...

    def put_keys(self, keys: Sequence[SdkKey]) -> None: ...

    def finish(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:
        """Make it a store whose audit ends at `head`."""
        ...

    def open(self) -> StoreParts:
        """The store that was made, to be read."""
        ...


class CheckpointFile(Protocol):
    """Where a migration remembers how far it has come."""

    def load(self, job: str) -> frozenset[str]:
        """The units that are done of that very job; none of another one."""
        ...

    def add(self, job: str, unit: str) -> None: ...

    def clear(self) -> None: ...
