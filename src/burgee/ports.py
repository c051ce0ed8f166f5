"""What the use cases need from the world, as small Protocols; adapters implement them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.budget import Renewal, RequestBudget, Taken
from burgee.model.change import ChangeSet, IdempotencyRecord
from burgee.model.delivery import DeadLetter, DeliveryState
from burgee.model.flag import Flag, FlagStatus, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override, OverrideChange
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot, StoreSnapshot
from burgee.model.usage import UsageCount

Clock: TypeAlias = Callable[[], float]
"""Unix seconds now."""

ExportedHead: TypeAlias = Callable[[], tuple[int, str]]
"""Sequence and hash of the last audit event known outside the store; (0, GENESIS_HASH) where none is."""


class FlagQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags to list. Results are ordered by (flag_set, key), starting after `after` (keyset paging)."""

    within: tuple[str, ...] | None = None
    """The flag sets that may be looked at, whatever else is asked for; None means all, () none."""
    flag_set: str | None = None
    status: FlagStatus | None = None
    tag: str | None = None
    search: str = ""
    """Case-insensitive substring of key, name or description."""
    after: tuple[str, str] | None = None
    limit: int = 100


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which audit events to list, newest first, starting below sequence `before`.

    `since` is included, `until` is not.
    """

    within: tuple[str, ...] | None = None
    """The flag sets whose events may be looked at, whatever else is asked for; None means all events."""
    actor: str | None = None
    flag_set: str | None = None
    flag_key: str | None = None
    action: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None
    limit: int = 100


class FlagStore(Protocol):
    """Flags, flag sets, their history and their audit, in one store with one write path.

    Every method may raise UnavailableError, and its subclass StoreDamagedError where what is stored fails
    its hash: callers then keep the last good answer. Thread-safe: callers use it from several threads.
    """

    @property
    def read_only_reason(self) -> str | None:
        """Why every write raises ReadOnlyError until an operator acts; None for a store in order."""
        ...

    def flag_sets(self) -> tuple[FlagSet, ...]:
        """All flag sets, ordered by (priority, key)."""
        ...

    def flag_set(self, key: str) -> FlagSet | None: ...

    def flag(self, flag_set: str, key: str) -> Flag | None: ...

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        """The living flag of that id; ids are matched to the letter."""
        ...

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        """At most `query.limit` flags; fewer means that there are no more."""
        ...

    def snapshot(self, flag_set: str) -> Snapshot | None:
        """The whole set at one revision, consistent even while others write."""
        ...

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        """History, newest version first, only versions below `before`; empty for an unknown key."""
        ...

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        """What the flag was at `revision` of its set: its last step at or below it."""
        ...

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        """The newest step of each flag that changed after `revision`, ordered by key."""
        ...

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        """The tombstone of a deleted key, None where the key lives or never lived."""
        ...

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        """Write all of `changes` durably, or nothing.

        Raises VersionConflictError where a set's revision or a flag's version is not the expected one,
        IdempotencyReuseError where the key of an idempotency record was used for another request,
        AlreadyExistsError where it was used for this very request (which is then already applied),
        ReadOnlyError, StoreFullError, and ValueError for a change set that no publisher may make.
        """
        ...

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        """Record an event that publishes nothing (a sign-in, a refusal)."""
        ...

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]: ...

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        """Events with sequence >= `first`, oldest first, for verification and for the outbox."""
        ...

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the last event; (0, GENESIS_HASH) where there is none."""
        ...

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        """The unexpired record of that key and actor."""
        ...

    def change_token(self) -> int:
        """A cheap number that differs once anything was committed since the last call, by any process."""
        ...

    def close(self) -> None: ...


class OverrideMark(msgspec.Struct, frozen=True, kw_only=True):
    """Where the overrides stand: the audit sequence of the last change, and how many there are now."""

    sequence: int = 0
    count: int = 0


class OverrideStore(Protocol):
    """Overrides, in the store of the flags and with their audit events in its chain.

    What has expired stays until it is replaced or deleted: readers decide. Every method may raise
    UnavailableError, and StoreDamagedError where what is stored fails its hash. Thread-safe.
    """

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None: ...

    def overrides_of_subject(
        self,
        targeting_key: str,
        *,
        flag_set: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> tuple[Override, ...]:
        """Ordered by (flag set, flag key), starting after `after`; fewer than `limit`: there are no more."""
        ...

    def overrides_of_flag(
        self, flag_set: str, flag_key: str, *, after: str = "", limit: int = 100
    ) -> tuple[Override, ...]:
        """Ordered by targeting key, starting after `after`; fewer than `limit`: there are no more."""
        ...

    def write_override(self, change: OverrideChange) -> AuditEvent:
        """Write one change and its audit event durably, or nothing.

        Raises VersionConflictError where the version is not the expected one, ReadOnlyError, StoreFullError,
        and ValueError for a change that no use case may make.
        """
        ...

    def write_overrides(self, changes: Sequence[OverrideChange]) -> tuple[AuditEvent, ...]:
        """As `write_override`, for many changes in one transaction; each has its own audit event."""
        ...

    def override_mark(self) -> OverrideMark:
        """Changes with every write; cheap."""
        ...

    def overridden_subjects(self) -> Iterator[str]:
        """Every subject that has an override, each once, as of one moment and not older than the last mark.

        Raises StoreDamagedError, perhaps only at the end, where what is stored is not what was written.
        """
        ...

    def subjects_changed_since(self, sequence: int, *, limit: int = 1000) -> tuple[tuple[int, str], ...]:
        """(audit sequence, subject) of each override written after `sequence` and still there, in order."""
        ...

    def change_token(self) -> int:
        """As `FlagStore.change_token`."""
        ...


class SnapshotFile(Protocol):
    """Where the last good snapshot is kept for start-up and for the high-water mark."""

    def load(self) -> StoreSnapshot | None:
        """The last snapshot saved, None where there is none or it fails its hash."""
        ...

    def save(self, snapshot: StoreSnapshot) -> None:
        """Replace the file atomically; one with a lower audit sequence never replaces a higher one."""
        ...


class SignInCodes(Protocol):
    """One-time sign-in codes, kept only as hashes."""

    def put(self, code_hash: str, *, expires_at: float) -> None: ...

    def take(self, code_hash: str, *, now: float) -> bool:
        """True exactly once for a code that was put and has not expired."""
        ...


class TokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token speaks for. Times are Unix seconds; empty `flag_sets` means all of them.

    `is_own_only` says that of what belongs to subjects, the bearer reaches only its own. `key_id` names
    the SDK key that was shown in place of a signed token.
    """

    subject: str
    role: str
    issued_at: float
    expires_at: float
    flag_sets: tuple[str, ...] = ()
    is_own_only: bool = False
    key_id: str = ""


class TokenSigner(Protocol):
    """Makes tokens that the verifier of the same server accepts."""

    def sign(self, claims: TokenClaims) -> str:
        """A token of these claims.

        Raises InvalidInputError where they make it too long to be accepted.
        """
        ...


class TokenVerifier(Protocol):
    """Reads tokens, and believes none that it cannot verify."""

    def verify(self, token: str) -> TokenClaims:
        """The claims of a token that is signed, in time and complete; never waits for the network.

        Raises UnauthenticatedError for every other string (UnidentifiedError where only the identity is
        missing), KeysUnavailableError where the keys that would tell are not known now.
        """
        ...

    def generation(self) -> int:
        """Another number once a token that was believed may no longer be; cheap enough for every request."""
        ...

    def await_keys(self) -> None:
        """Wait, a few seconds at most, for a look-up of keys that is under way."""
        ...


class ParameterSource(Protocol):
    """Small texts that an operator may change while the server runs."""

    def parameter(self, name: str) -> str | None:
        """The text of the parameter, None where it is not set.

        Raises UnavailableError where that cannot be said: nobody may then take it for set or not set.
        """
        ...


class AccessTimes(Protocol):
    """When each flag was last read, by its id: beside the flags, so that a read never writes a flag."""

    def note(self, times: Mapping[str, float]) -> None:
        """Keep these Unix times; an earlier time never replaces a later one. Raises UnavailableError."""
        ...

    def last(self, flag_id: str) -> float | None:
        """The latest time noted, None where there is none. Raises UnavailableError."""
        ...


class BudgetStore(Protocol):
    """The state rows of request budgets, one a limit type, each changed by one atomic step at a time.

    Every method may raise UnavailableError. A step that raised may have been applied all the same: tokens
    that it took are then lost, and never spent twice. Thread-safe.
    """

    def read(self, limit_type: str) -> RequestBudget | None: ...

    def seed(self, budget: RequestBudget) -> RequestBudget:
        """Store `budget` where its limit type has no row; what is stored then."""
        ...

    def take(self, limit_type: str, wanted: int, *, at: float) -> Taken | None:
        """`burgee.model.budget.taken`, atomically; None where there is no row."""
        ...

    def give_back(self, limit_type: str, tokens: int, *, epoch: int) -> None:
        """`burgee.model.budget.given_back`, atomically; nothing where there is no row."""
        ...

    def renew(self, limit_type: str, renewal: Renewal, *, epoch: int | None = None) -> RequestBudget | None:
        """`burgee.model.budget.renewed`, atomically; what is stored then, also of a row that was damaged.

        None where there is no row, and where `epoch` is given and no longer the row's.
        """
        ...


class SdkKeyStore(Protocol):
    """SDK keys, only as hashes. Every method may raise UnavailableError. Thread-safe."""

    def sdk_key(self, key_id: str) -> SdkKey | None: ...

    def sdk_keys(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        """Keys in the order of their ids, those above `after`."""
        ...

    def add_sdk_key(self, key: SdkKey, draft: AuditDraft, *, most: int) -> None:
        """Keep a new key, and record it, in one step.

        Raises ConflictError where `most` keys of that name are active already (at `draft.at`),
        AlreadyExistsError where the id is taken, ReadOnlyError, StoreFullError.
        """
        ...

    def revoke_sdk_key(self, key_id: str, draft: AuditDraft) -> SdkKey:
        """Revoke a key at `draft.at`, and record it, in one step; again changes and records nothing.

        Raises NotFoundError, ReadOnlyError, StoreFullError.
        """
        ...

    def note_sdk_key_uses(self, uses: Mapping[str, float]) -> None:
        """Remember when keys were last used, by id; unknown ids are passed over, and no time goes back."""
        ...

    def sdk_key_changes(self) -> int:
        """How many keys were made or revoked so far, by any process."""


class UsageStore(Protocol):
    """Counts of evaluations, of all workers. Thread-safe; every method may raise UnavailableError."""

    def add(self, counts: Sequence[UsageCount]) -> None:
        """Add to what is counted already; the later `last_at` of a flag stays. All of it or nothing."""
        ...

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:
        """The counts of a flag in the hours from `since` on, ordered by (hour, variant, reason)."""
        ...

    def last_evaluated(self, flags: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Unix seconds by (flag set, key); flags that were never evaluated are missing."""
        ...

    def purge(self, *, before: int) -> None:
        """Forget the counts of the hours before `before`; when a flag was last evaluated stays known."""
        ...

    def close(self) -> None: ...


class AuditSink(Protocol):
    """Where audit events go, in order and at least once.

    `batch` is how many it takes at a time. Where it has never had any, it begins with the first event of
    all (`from_start`) or with the next one. An event is given up once the sink has failed, and the event
    has waited, for `patience_seconds`.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    @property
    def from_start(self) -> bool: ...

    @property
    def patience_seconds(self) -> float: ...

    def deliver(self, events: Sequence[AuditEvent]) -> None:
        """Take all of `events`. Raises UnavailableError: then all of them come again."""
        ...


class Deliveries(Protocol):
    """What is remembered of deliveries, beside the events. Every method may raise UnavailableError."""

    def state(self, sink: str) -> DeliveryState | None:
        """How far `sink` has come, None where it never had any."""
        ...

    def keep(self, sink: str, state: DeliveryState, *, dead: DeadLetter | None = None) -> None:
        """Remember both at once; what every sink has got leaves the outbox."""
        ...

    def dead_letters(self, *, before: int | None = None, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Newest first, only numbers below `before`."""
        ...
