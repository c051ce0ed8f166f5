"""Moving everything from one store into another, to the last hash."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from burgee.model.audit import GENESIS_HASH, AuditEvent
from burgee.model.budget import RequestBudget
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey
from burgee.model.usage import UsageCount
from burgee.ports.flags import FlagStore
from burgee.ports.overrides import OverrideMark

Tell: TypeAlias = Callable[[str, int, int], None]
"""Hears what is moved (`flags`), how many of them now, and how many there are in all (0: unknown)."""


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of one kind, and a hash of all of them: the sum of the SHA-256 of each, in hex.

    The order in which they were read does not matter.
    """

    count: int
    sha256: str


class Remark(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something of the source that is not in the target as it stood: what and which, and why.

    `is_taken`: the rest of it was taken over all the same.
    """

    kind: str
    id: str
    reason: str
    is_taken: bool = False


class MigrationReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was moved, or would be.

    `verified`: the target was read back, and it is what the source is. `already`: an earlier run had moved
    all of it, and this one wrote nothing. `resumed`: half of it was there (in a dry run: is there).
    """

    source: str
    target: str
    dry_run: bool
    verified: bool
    amounts: dict[str, Amount]
    head: str = ""
    already: bool = False
    resumed: bool = False
    remarks: tuple[Remark, ...] = ()


class Move(Protocol):
    """A migration that is ready to run."""

    def run(self, *, dry_run: bool = False, start_over: bool = False, tell: Tell = ...) -> MigrationReport:
        """Move everything, then compare; a run that was interrupted goes on where it stopped.

        `start_over` throws away what an interrupted run of another source, or of an earlier state of this
        one, has left. Raises ConflictError where the target holds another store or the source changes
        meanwhile, StoreDamagedError where what was written is not what was read.
        """
        ...


class LastEvaluated(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When a flag was last evaluated, Unix seconds."""

    flag_set: str
    flag_key: str
    at: float


class AccessTime(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When the flag of that id was last read through the Hatton dialect, Unix seconds."""

    flag_id: str
    at: float


Record: TypeAlias = SdkKey | RequestBudget | IdempotencyRecord | UsageCount | LastEvaluated | AccessTime
"""What changes without an audit event."""


class OverridePage(NamedTuple):
    """Overrides with the audit sequences of their last writes, and where to go on after them."""

    overrides: Sequence[tuple[int, Override]]
    position: str


class Beside(Protocol):
    """What a store holds beside its flags, read whole. Every method may raise UnavailableError."""

    def override_mark(self) -> OverrideMark: ...

    def key_changes(self) -> int: ...

    def overrides(self, *, after: str = "") -> Iterator[OverridePage]:
        """Every override once, a page at a time, beginning after the position `after`."""
        ...

    def records(self, *, now: float) -> Iterator[Record]:
        """Every record, in any order; answers to requests only where they have not expired at `now`."""
        ...

    def remarks(self) -> Sequence[Remark]:
        """What is there and cannot be moved."""
        ...


class StoreParts(NamedTuple):
    """A store, as far as it is moved; `reread` reads it again where this is only what it was."""

    flags: FlagStore
    beside: Beside
    reread: Callable[[], "StoreParts"] | None = None


class FlagHistory(NamedTuple):
    """What stands at a key, and every step that led there, ordered by version."""

    entity: Flag | Tombstone
    steps: tuple[FlagVersion, ...]


def keys_by_revision(histories: Sequence[FlagHistory]) -> Mapping[int, Sequence[str]]:
    """The keys among `histories` that each revision changed."""
    changed: dict[int, list[str]] = {}
    for history in histories:
        for step in history.steps:
            changed.setdefault(step.revision, []).append(step.key)
    return changed


class Holds(Enum):
    """What is in a target: nothing, half of a copy, or a store."""

    NOTHING = "nothing"
    HALF = "half"
    STORE = "store"


class Holding(NamedTuple):
    """What a target holds.

    `job` and `progress` (the position by kind) are those of the half copy, `head` is that of the store.
    `began_at` is the moment of the first audit event, or the one that the half copy was begun with.
    """

    holds: Holds
    job: str = ""
    began_at: float | None = None
    progress: Mapping[str, str] = {}
    head: tuple[int, str] = (0, GENESIS_HASH)


class Restore(Protocol):
    """A store in the making, which nobody takes for one before `finish`.

    Each `put` is kept with its `position` (by kind), so that an interrupted copy goes on after it; putting
    the same twice does no harm. Every method may raise UnavailableError.
    """

    def holding(self) -> Holding:
        """What is there; writes nothing."""
        ...

    def begin(self, job: str, *, at: float) -> None:
        """Make it half of a copy."""
        ...

    def discard(self) -> None:
        """Throw half of a copy away."""
        ...

    def put_flags(self, flag_set: str, page: int, histories: Sequence[FlagHistory], *, position: str) -> None:
        """Flags of a set, `page` by page."""
        ...

    def put_set(self, flag_set: FlagSet, *, position: str) -> None:
        """The set itself, after its flags."""
        ...

    def put_events(self, events: Sequence[AuditEvent], *, position: str) -> None: ...

    def put_overrides(self, page: OverridePage) -> None: ...

    def put_records(self, records: Sequence[Record], *, is_first: bool) -> None:
        """Records, all of them in every run: those of an earlier one may be of the past."""
        ...

    def seal(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:
        """Bind it all together, still unseen: after that `open` can read it."""
        ...

    def open(self) -> StoreParts:
        """What was put, to be read back."""
        ...

    def finish(self) -> None:
        """Make it a store, at once; nothing to do where it is one."""
        ...
