"""Reading the tables of a source service into memory, from where they can be moved into any store."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from burgee.adapters.dynamodb import source_remarks
from burgee.adapters.dynamodb.adopted_overrides import adopted_override_event
from burgee.adapters.dynamodb.budget_items import budget_of
from burgee.adapters.dynamodb.client import DynamoClient, Item
from burgee.adapters.dynamodb.items import hatton_flag, source_override, text_of
from burgee.adapters.dynamodb.layout import subject_of_user_id
from burgee.adapters.dynamodb.source_flags import SourceFlags, adopted_event
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.errors import StoreDamagedError
from burgee.model.change import ChangeSet, FlagWrite
from burgee.model.flag import KEY_PATTERN, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override, OverrideChange
from burgee.model.slug import slug
from burgee.ports import OverrideMark
from burgee.ports.migration import AccessTime, OverridePage, Record, Remark, StoreParts

PAGE = 1_000


class ReadBeside:
    """Beside of flags that were read: overrides by the sequences of their events, in that order."""

    def __init__(
        self,
        *,
        overrides: Sequence[tuple[int, Override]] = (),
        records: Sequence[Record] = (),
        remarks: Sequence[Remark] = (),
    ) -> None:
        self._overrides, self._records, self._remarks = overrides, records, remarks

    def override_mark(self) -> OverrideMark:
        last = self._overrides[-1][0] if self._overrides else 0
        return OverrideMark(sequence=last, count=len(self._overrides))

    def key_changes(self) -> int:
        return 0

    def overrides(self, *, after: str = "") -> Iterator[OverridePage]:
        for start in range(int(after or 0), len(self._overrides), PAGE):
            page = self._overrides[start : start + PAGE]
            yield OverridePage(page, str(start + len(page)))

    def records(self, *, now: float) -> Iterator[Record]:  # noqa: ARG002
        yield from self._records

    def remarks(self) -> Sequence[Remark]:
        return self._remarks


def read_rds(client: DynamoClient, names: TableNames, *, now: float, seed_limit: int) -> StoreParts:
    """The flags, mappings and limits of a Real-Dev-Squad service, taken over at the moment `now`."""
    store = MemoryFlagStore(lambda: now)
    source = SourceFlags(client, names, store, clock=lambda: now, used=lambda _: set())  # it is empty
    source.adopt(lambda changes, _: store.commit(changes))
    snapshot = store.snapshot("default")
    flags = {flag.id: flag for flag in (snapshot.flags if snapshot is not None else ())}
    adopted = source_remarks.ADOPTED
    items = client.scan(names.flags, ConsistentRead=True)
    remarks = list(source_remarks.of_flags(items, of_adopted=adopted))
    changes: list[OverrideChange] = []
    for item in client.scan(names.overrides, ConsistentRead=True):
        remarks += source_remarks.of_mapping(item, has_flag=flags.__contains__, of_adopted=adopted)
        if "document" in item:
            continue
        flag, subject = flags.get(text_of(item, "flagId")), subject_of_user_id(text_of(item, "userId"))
        override = source_override(item, flag=flag, targeting_key=subject) if flag and subject else None
        if override is not None:
            changes.append(_creation(override, now))
    changes.sort(key=lambda change: change.place)  # a scan has an order of its own
    events = MemoryOverrideStore(store).write_overrides(changes)
    overrides = [(e.sequence, c.override) for e, c in zip(events, changes, strict=True) if c.override]
    records: list[Record] = []
    for item in client.scan(names.budgets, ConsistentRead=True):
        remarks += source_remarks.of_budget(item, seed_limit=seed_limit)
        try:
            records.append(budget_of(item, seed_limit=seed_limit))
        except StoreDamagedError:
            continue  # a remark tells
    return StoreParts(
        store,
        ReadBeside(overrides=overrides, records=records, remarks=remarks),
        lambda: read_rds(client, names, now=now, seed_limit=seed_limit),
    )


def read_hatton(client: DynamoClient, table: str, *, now: float) -> StoreParts:
    """The flags of Hatton's table, which know nothing but a name, a value and when they were read last."""
    store = MemoryFlagStore(lambda: now)
    flags: list[Flag] = []
    records: list[Record] = []
    remarks: list[Remark] = []
    for item in client.scan(table, ConsistentRead=True):
        flag, accessed_at = hatton_flag(item), _accessed_at(item)
        remarks += source_remarks.of_hatton_flag(item, accessed_at=accessed_at)
        if flag is not None:
            flags.append(flag)
            if accessed_at is not None:
                records.append(AccessTime(flag_id=flag.id, at=accessed_at))
    if flags:
        store.commit([_publish(_with_keys(flags), now)])
    return StoreParts(
        store, ReadBeside(records=records, remarks=remarks), lambda: read_hatton(client, table, now=now)
    )


def _accessed_at(item: Item) -> float | None:
    try:
        at = datetime.fromisoformat(text_of(item, "lastAccessed"))
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _with_keys(flags: Sequence[Flag]) -> list[Flag]:
    """`flags` with keys that are keys: the name where it is one, else its slug, with a part of the id."""
    from msgspec.structs import replace

    taken = {flag.name for flag in flags if KEY_PATTERN.fullmatch(flag.name)}
    keyed: list[Flag] = []
    for flag in sorted(flags, key=lambda each: each.name):
        key = slug(flag.name)
        if key != flag.name and key in taken:
            key = f"{key}-{flag.id[:8]}"
        taken.add(key)
        keyed.append(replace(flag, key=key))
    return keyed


def _publish(flags: Sequence[Flag], now: float) -> ChangeSet:
    after = FlagSet(
        revision=1, created_at=now, created_by="migration", updated_at=now, updated_by="migration"
    )
    return ChangeSet(
        flag_set=after,
        expected_revision=0,
        writes=tuple(FlagWrite(expected_version=0, flag=flag) for flag in flags),
        audit=tuple(adopted_event(flag, None, after, now) for flag in flags),
    )


def _creation(override: Override, now: float) -> OverrideChange:
    return OverrideChange(
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        targeting_key=override.targeting_key,
        expected_version=0,
        override=override,
        audit=adopted_override_event(override, None, now),
    )
