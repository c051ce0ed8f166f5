"""Reading the tables of a source service into memory, from where they can be moved into any store."""

from collections.abc import Sequence
from typing import NamedTuple

from burgee.adapters.dynamodb.adopted_overrides import adopted_override_event
from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.items import hatton_flag, source_override, text_of
from burgee.adapters.dynamodb.layout import subject_of_user_id
from burgee.adapters.dynamodb.source_flags import SourceFlags, adopted_event
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.adapters.memory_sdk_keys import MemorySdkKeys
from burgee.model.change import ChangeSet, FlagWrite
from burgee.model.flag import KEY_PATTERN, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override, OverrideChange
from burgee.model.slug import slug
from burgee.ports import Clock
from burgee.ports.migration import StoreParts


class ReadSource(NamedTuple):
    """What was read, and how many items were none that could be."""

    parts: StoreParts
    skipped: int


def read_rds(client: DynamoClient, names: TableNames, *, clock: Clock) -> ReadSource:
    """The flags and mappings of a Real-Dev-Squad service, all of one moment's `clock`.

    A mapping of a flag that is not there, which the source allows, is skipped.
    """
    now = clock()
    store = MemoryFlagStore(lambda: now)
    overrides = MemoryOverrideStore(store)
    source = SourceFlags(client, names, store, clock=lambda: now, used=lambda _: set())  # it is empty
    source.adopt(lambda changes, _: store.commit(changes))
    snapshot = store.snapshot("default")
    flags = {flag.id: flag for flag in (snapshot.flags if snapshot is not None else ())}
    skipped = sum(1 for _ in client.scan(names.flags)) - len(flags)
    changes: list[OverrideChange] = []
    for item in client.scan(names.overrides):
        flag, subject = flags.get(text_of(item, "flagId")), subject_of_user_id(text_of(item, "userId"))
        override = source_override(item, flag=flag, targeting_key=subject) if flag and subject else None
        if override is None:
            skipped += 1
        else:
            changes.append(_creation(override, now))
    overrides.write_overrides(changes)
    return ReadSource(StoreParts(store, overrides, MemorySdkKeys(store)), skipped)


def read_hatton(client: DynamoClient, table: str, *, clock: Clock) -> ReadSource:
    """The flags of Hatton's table, which know nothing but a name and a value."""
    now = clock()
    store = MemoryFlagStore(lambda: now)
    flags: list[Flag] = []
    skipped = 0
    for item in client.scan(table):
        flag = hatton_flag(item)
        if flag is None:
            skipped += 1
        else:
            flags.append(flag)
    if flags:
        store.commit([_publish(_with_keys(flags), now)])
    return ReadSource(StoreParts(store, MemoryOverrideStore(store), MemorySdkKeys(store)), skipped)


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
