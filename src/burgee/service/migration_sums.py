"""Everything that a store holds as one stream of records, summed up so that two stores can be compared."""

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from burgee.errors import StoreDamagedError
from burgee.model.audit import AuditEvent
from burgee.model.budget import RequestBudget
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKey
from burgee.model.usage import UsageCount
from burgee.ports.migration import (
    AccessTime,
    Amount,
    FlagHistory,
    LastEvaluated,
    Record,
    StoreParts,
)

PAGE = 1_000
KINDS = (
    "flagSets",
    "flags",
    "versions",
    "events",
    "overrides",
    "keys",
    "budgets",
    "requests",
    "usage",
    "lastEvaluated",
    "accessTimes",
)
_ALL = 2**31 - 1
_OF_ALL_FLAGS = -1
_BUCKETS = 4_096
_NAMED = 5
_NAME_CHARACTERS = 150
_LOOKED_INTO = 16

Sums: TypeAlias = "dict[str, KindSum]"


class Named(NamedTuple):
    """A record with its kind and what people call it."""

    kind: str
    id: str
    record: object


class KindSum:
    """Counts and hashes the records of one kind, whatever their order.

    Buckets, by the records' names, tell later where two sums differ without keeping every record.
    """

    def __init__(self) -> None:
        self.count, self._hash = 0, 0
        self.buckets = [0] * _BUCKETS

    def add(self, name: str, record: object) -> None:
        """One record more."""
        digest = int.from_bytes(_digest(record))
        self.count += 1
        self._hash = (self._hash + digest) % 2**256
        self.buckets[_bucket(name)] ^= digest & (2**64 - 1)

    def amount(self) -> Amount:
        """What it comes to."""
        return Amount(count=self.count, sha256=f"{self._hash:064x}")


def summed(parts: StoreParts, *, now: float, hear: Callable[[int], None] = lambda _: None) -> Sums:
    """Everything in a store, by kind; `hear` hears how many records more were read."""
    sums = {kind: KindSum() for kind in KINDS}
    unheard = 0
    for kind, name, record in everything(parts, now=now):
        sums[kind].add(name, record)
        unheard += 1
        if unheard == PAGE:
            hear(unheard)
            unheard = 0
    hear(unheard)
    return sums


def amounts(sums: Sums) -> dict[str, Amount]:
    """The sums as they are reported."""
    return {kind: each.amount() for kind, each in sums.items()}


def differences(one: StoreParts, other: StoreParts, sums: tuple[Sums, Sums], *, now: float) -> list[str]:
    """What `other` has not as `one` has it: for each kind a few names; `sums` are those of both."""
    wanted: dict[str, set[int]] = {}
    for kind in KINDS:
        here, there = sums[0][kind], sums[1][kind]
        if here.amount() != there.amount():
            buckets = [n for n in range(_BUCKETS) if here.buckets[n] != there.buckets[n]]
            wanted[kind] = set(buckets[:_LOOKED_INTO])
    if not wanted:
        return []
    first, second = (_digests(parts, wanted, now=now) for parts in (one, other))
    return [_difference(kind, first[kind], second[kind]) for kind in wanted]


def everything(parts: StoreParts, *, now: float) -> Iterator[Named]:
    """Every record of a store."""
    for flag_set in sets(parts):
        yield Named("flagSets", flag_set.key, flag_set)
        for history in histories(parts, flag_set.key):
            place = f"{flag_set.key}/{history.entity.key}"
            yield Named("flags", place, history.entity)
            for step in history.steps:
                yield Named("versions", f"{place} version {step.version}", step)
    for event in events(parts):
        yield Named("events", f"event {event.sequence}", event)
    for page in parts.beside.overrides():
        for sequence, override in page.overrides:
            name = f"{override.flag_set}/{override.flag_key} of {override.targeting_key}"
            yield Named("overrides", name, (sequence, override))
    for record in parts.beside.records(now=now):
        yield named(record)


def named(record: Record) -> Named:
    """A record with its kind and name."""
    match record:
        case SdkKey():
            return Named("keys", record.id, record)
        case RequestBudget():
            return Named("budgets", record.limit_type, record)
        case IdempotencyRecord():
            return Named("requests", f"{record.key} of {record.actor}", record)
        case UsageCount():
            place = f"{record.flag_set}/{record.flag_key} in hour {record.hour}"
            return Named("usage", f"{place}, {record.variant} {record.reason.value}", record)
        case LastEvaluated():
            return Named("lastEvaluated", f"{record.flag_set}/{record.flag_key}", record)
        case AccessTime():
            return Named("accessTimes", record.flag_id, record)


def sets(parts: StoreParts) -> list[FlagSet]:
    """The flag sets, ordered by key."""
    return sorted(parts.flags.flag_sets(), key=lambda each: each.key)


def histories(parts: StoreParts, flag_set: str, *, after: str = "") -> Iterator[FlagHistory]:
    """What stands at each key above `after`, in order; one set's flags are in memory, one flag's steps.

    Raises StoreDamagedError where a flag has no history, or a history no flag.
    """
    flags = parts.flags
    newest = flags.changes_since(flag_set, _OF_ALL_FLAGS)
    snapshot = flags.snapshot(flag_set)
    living = {flag.key: flag for flag in (snapshot.flags if snapshot is not None else ())}
    if not living.keys() <= {step.key for step in newest}:
        raise StoreDamagedError(f"flags of {flag_set} have no history")
    for step in sorted(newest, key=lambda each: each.key):
        key = step.key
        if key <= after:
            continue
        entity: Flag | Tombstone | None = living.get(key) or flags.tombstone(flag_set, key)
        if entity is None:
            raise StoreDamagedError(f"{flag_set}/{key} is neither a flag nor a tombstone")
        # Most flags have one version, which is read already.
        steps = (step,) if step.version == 1 else flags.flag_versions(flag_set, key, limit=_ALL)
        yield FlagHistory(entity, tuple(reversed(steps)))


def events(parts: StoreParts, *, after: int = 0) -> Iterator[AuditEvent]:
    """The audit events after a sequence, oldest first."""
    while page := parts.flags.audit_range(first=after + 1, limit=PAGE):
        yield from page
        after = page[-1].sequence


def _digests(parts: StoreParts, wanted: dict[str, set[int]], *, now: float) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {kind: {} for kind in wanted}
    for kind, name, record in everything(parts, now=now):
        if kind in wanted and _bucket(name) in wanted[kind]:
            found[kind][name] = _digest(record)
    return found


def _difference(kind: str, one: dict[str, bytes], other: dict[str, bytes]) -> str:
    missing, more_there = one.keys() - other.keys(), other.keys() - one.keys()
    changed = {name for name in one.keys() & other.keys() if one[name] != other[name]}
    named = [
        f"{name[:_NAME_CHARACTERS]} {what}"
        for names, what in ((missing, "is missing"), (more_there, "is too much"), (changed, "differs"))
        for name in sorted(names)
    ]
    more = f" and {len(named) - _NAMED} more or so" if len(named) > _NAMED else ""
    return f"{kind}: {', '.join(named[:_NAMED]) or 'the same record twice'}{more}"


def _digest(record: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(record, order="sorted")).digest()


def _bucket(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:2]) % _BUCKETS
