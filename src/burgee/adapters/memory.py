"""The reference implementation of the store ports: everything in dictionaries, nothing on disk."""

import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import TypeVar

import msgspec

from burgee.adapters.queries import event_matches, flag_matches
from burgee.errors import AlreadyExistsError, IdempotencyReuseError, VersionConflictError
from burgee.model.audit import GENESIS_HASH, AuditDraft, AuditEvent, chain
from burgee.model.change import (
    ChangeSet,
    FlagWrite,
    IdempotencyRecord,
    check_change_set,
    history_steps,
    written,
)
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot, StoreSnapshot
from burgee.ports import AuditQuery, Clock, FlagQuery

Item = TypeVar("Item")
FlagKey = tuple[str, str]


class _State(msgspec.Struct):
    """All that is stored. A commit changes a copy and puts it in place, so that readers need no lock."""

    sets: dict[str, FlagSet] = {}
    flags: dict[FlagKey, Flag] = {}
    tombstones: dict[FlagKey, Tombstone] = {}
    history: dict[FlagKey, tuple[FlagVersion, ...]] = {}
    events: tuple[AuditEvent, ...] = ()
    idempotency: dict[FlagKey, IdempotencyRecord] = {}
    head: tuple[int, str] = (0, GENESIS_HASH)
    commits: int = 0

    def copy(self) -> "_State":
        return _State(
            sets=dict(self.sets),
            flags=dict(self.flags),
            tombstones=dict(self.tombstones),
            history=dict(self.history),
            events=self.events,
            idempotency=dict(self.idempotency),
            head=self.head,
            commits=self.commits,
        )


class MemoryFlagStore:
    """A FlagStore that forgets everything with its process.

    With `initial` it starts from a snapshot: its flags as they are, their history one step long, its
    audit head, and no audit events.
    """

    read_only_reason: str | None = None

    def __init__(self, clock: Clock, *, initial: StoreSnapshot | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _State() if initial is None else _state_of(initial)

    def flag_sets(self) -> tuple[FlagSet, ...]:
        return tuple(sorted(self._state.sets.values(), key=attrgetter("priority", "key")))

    def flag_set(self, key: str) -> FlagSet | None:
        return self._state.sets.get(key)

    def flag(self, flag_set: str, key: str) -> Flag | None:
        return self._state.flags.get((flag_set, key))

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag | None:
        flags = self._state.flags.values()
        return next((flag for flag in flags if flag.flag_set == flag_set and flag.id == flag_id), None)

    def find_flags(self, query: FlagQuery) -> tuple[Flag, ...]:
        ordered = (flag for _, flag in sorted(self._state.flags.items()))
        return _first((flag for flag in ordered if flag_matches(flag, query)), query.limit)

    def snapshot(self, flag_set: str) -> Snapshot | None:
        state = self._state
        if flag_set not in state.sets:
            return None
        flags = (flag for place, flag in sorted(state.flags.items()) if place[0] == flag_set)
        return Snapshot(flag_set=state.sets[flag_set], flags=tuple(flags))

    def flag_versions(
        self, flag_set: str, key: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[FlagVersion, ...]:
        steps = reversed(self._state.history.get((flag_set, key), ()))
        return _first((step for step in steps if before is None or step.version < before), limit)

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion | None:
        steps = reversed(self._state.history.get((flag_set, key), ()))
        return next((step for step in steps if step.revision <= revision), None)

    def changes_since(self, flag_set: str, revision: int) -> tuple[FlagVersion, ...]:
        newest = (steps[-1] for place, steps in sorted(self._state.history.items()) if place[0] == flag_set)
        return tuple(step for step in newest if step.revision > revision)

    def tombstone(self, flag_set: str, key: str) -> Tombstone | None:
        return self._state.tombstones.get((flag_set, key))

    def commit(self, changes: Sequence[ChangeSet]) -> tuple[AuditEvent, ...]:
        for change in changes:
            check_change_set(change)
        with self._lock:
            state = self._state.copy()
            _purge(state, self._clock())
            events = tuple(event for change in changes for event in _apply(state, change))
            state.commits += 1
            self._state = state
        return events

    def append_audit(self, draft: AuditDraft) -> AuditEvent:
        return self.append_all([draft])[0]

    def append_all(self, drafts: Sequence[AuditDraft]) -> tuple[AuditEvent, ...]:
        """Record several events at once, in this order."""
        with self._lock:
            state = self._state.copy()
            events = tuple(_chain(state, drafts))
            state.commits += 1
            self._state = state
        return events

    def audit_events(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        newest = reversed(self._state.events)
        return _first((event for event in newest if event_matches(event, query)), query.limit)

    def audit_range(self, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
        return _first((event for event in self._state.events if event.sequence >= first), limit)

    def audit_head(self) -> tuple[int, str]:
        return self._state.head

    def idempotency_record(self, key: str, actor: str) -> IdempotencyRecord | None:
        record = self._state.idempotency.get((key, actor))
        return record if record is not None and record.expires_at > self._clock() else None

    def change_token(self) -> int:
        return self._state.commits

    def close(self) -> None:
        """Nothing is held open."""


class MemorySignInCodes:
    """SignInCodes of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expiry: dict[str, float] = {}

    def put(self, code_hash: str, *, expires_at: float) -> None:
        with self._lock:
            self._expiry[code_hash] = expires_at

    def take(self, code_hash: str, *, now: float) -> bool:
        with self._lock:
            expired = [each for each, expires_at in self._expiry.items() if expires_at <= now]
            for each in expired:
                del self._expiry[each]
            return self._expiry.pop(code_hash, None) is not None


def _apply(state: _State, change: ChangeSet) -> list[AuditEvent]:
    key = change.flag_set.key
    revision = state.sets[key].revision if key in state.sets else 0
    if revision != change.expected_revision:
        raise VersionConflictError(f"flag set {key} is at revision {revision}", current=revision)
    for write, step in zip(change.writes, history_steps(change), strict=True):
        _write(state, write, step)
    state.sets[key] = change.flag_set
    if change.idempotency is not None:
        _remember(state, change.idempotency)
    return _chain(state, change.audit)


def _write(state: _State, write: FlagWrite, step: FlagVersion) -> None:
    entity = written(write)
    place = (entity.flag_set, entity.key)
    current = state.flags.get(place) or state.tombstones.get(place)
    version = current.version if current is not None else 0
    if version != write.expected_version:
        raise VersionConflictError(f"flag {entity.key} is at version {version}", current=version)
    state.flags.pop(place, None)
    state.tombstones.pop(place, None)
    if write.flag is not None:
        state.flags[place] = write.flag
    elif write.tombstone is not None:
        state.tombstones[place] = write.tombstone
    state.history[place] = (*state.history.get(place, ()), step)


def _remember(state: _State, record: IdempotencyRecord) -> None:
    known = state.idempotency.get((record.key, record.actor))
    if known is not None and known.fingerprint != record.fingerprint:
        raise IdempotencyReuseError(f"Idempotency-Key {record.key} was used for another request")
    if known is not None:
        raise AlreadyExistsError(f"the request with Idempotency-Key {record.key} is already applied")
    state.idempotency[record.key, record.actor] = record


def _purge(state: _State, now: float) -> None:
    for place in [place for place, record in state.idempotency.items() if record.expires_at <= now]:
        del state.idempotency[place]


def _chain(state: _State, drafts: Sequence[AuditDraft]) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for draft in drafts:
        sequence, previous_hash = state.head
        event = chain(draft, sequence=sequence + 1, previous_hash=previous_hash)
        state.head = (event.sequence, event.hash)
        events.append(event)
    state.events = (*state.events, *events)
    return events


def _state_of(snapshot: StoreSnapshot) -> _State:
    state = _State(head=(snapshot.audit_sequence, snapshot.audit_hash or GENESIS_HASH))
    for each in snapshot.sets:
        state.sets[each.flag_set.key] = each.flag_set
        for flag in each.flags:
            state.flags[flag.flag_set, flag.key] = flag
            state.history[flag.flag_set, flag.key] = (_only_step(flag, each.flag_set),)
    return state


def _only_step(flag: Flag, flag_set: FlagSet) -> FlagVersion:
    return FlagVersion(
        flag_set=flag.flag_set,
        key=flag.key,
        version=flag.version,
        revision=flag_set.revision,
        at=flag.updated_at,
        actor=flag.updated_by,
        action="flag.restored",
        flag=flag,
    )


def _first(items: Iterable[Item], limit: int) -> tuple[Item, ...]:
    return tuple(islice(items, max(0, limit)))
