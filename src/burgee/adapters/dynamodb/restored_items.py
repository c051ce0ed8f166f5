"""Items as they were in another store."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from burgee.adapters.dynamodb import audit_items
from burgee.adapters.dynamodb.access_times import access_item
from burgee.adapters.dynamodb.actions import Action, put
from burgee.adapters.dynamodb.budget_items import item_of
from burgee.adapters.dynamodb.client import Item, pages
from burgee.adapters.dynamodb.items import flag_item, number, override_item, sealed, text
from burgee.adapters.dynamodb.layout import (
    change_key,
    flag_key,
    index_key,
    main_key,
    revision_prefix,
    set_key,
    user_id,
    version_key,
)
from burgee.adapters.dynamodb.publishes import KEYS_IN_ITEM, record_items
from burgee.adapters.dynamodb.sdk_keys import KEYS, USES
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.dynamodb.usage import count_item, last_item
from burgee.model.audit import AuditEvent
from burgee.model.budget import RequestBudget
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey
from burgee.model.usage import UsageCount
from burgee.ports.migration import AccessTime, FlagHistory, LastEvaluated, Record, keys_by_revision

COMMIT = "migration"
"""The commit that every moved event is of."""


def of_flags(
    names: TableNames, flag_set: str, page: int, histories: Sequence[FlagHistory]
) -> Iterator[Action]:
    """Flags with their steps, and the keys that each revision changed: a part of its own for each page."""
    for history in histories:
        for step in history.steps:
            place = version_key(step.flag_set, step.key, step.version)
            yield _main(names, {**place, "revision": number(step.revision), **sealed(step)}, step.key)
        yield from _entity(names, history.entity, history.steps[-1])
    for revision, keys in keys_by_revision(histories).items():
        for index, some in enumerate(pages(keys, KEYS_IN_ITEM)):
            sort = f"{revision_prefix(revision)}#{page:04d}" + (f"#{index}" if index else "")
            listed = {"keys": text(msgspec.json.encode(some).decode())}
            yield _main(names, {**main_key(f"set#{flag_set}", sort), **listed}, "a revision")


def of_set(names: TableNames, flag_set: FlagSet) -> Action:
    """The flag set itself."""
    item = {**set_key(flag_set.key), "revision": number(flag_set.revision), **sealed(flag_set)}
    return _main(names, item, f"flag set {flag_set.key}")


def of_events(names: TableNames, events: Sequence[AuditEvent]) -> Iterator[Action]:
    """Audit events."""
    return (audit_items.action(names, event, commit=COMMIT) for event in events)


def of_overrides(
    names: TableNames, overrides: Sequence[tuple[int, Override]], ids: Mapping[tuple[str, ...], str]
) -> Iterator[Action]:
    """Overrides with their indices; `ids` are those of their flags."""
    for sequence, override in overrides:
        what = f"the override of {override.flag_key}"
        place = (override.flag_set, override.flag_key)
        # A mapping of no flag still needs a key; no id of a flag has a slash.
        flag_id = ids.get(place) or "/".join(place)
        user = user_id(override.targeting_key)
        mapping = override_item(override, user_id=user, flag_id=flag_id, sequence=sequence)
        yield put(names, names.overrides, mapping, what=what)
        index = {"flagId": text(flag_id), "sequence": number(sequence), **sealed(override)}
        yield _main(names, {**index_key(*place, override.targeting_key), **index}, what)
        yield _main(names, {**change_key(sequence), "subject": text(override.targeting_key)}, what)


def of_record(names: TableNames, record: Record) -> Iterator[Action]:
    """A record of any kind."""
    match record:
        case SdkKey():
            what = f"the key {record.id}"
            content = sealed(msgspec.structs.replace(record, last_used_at=None))
            yield _main(names, {**main_key(KEYS, record.id), "name": text(record.name), **content}, what)
            if record.last_used_at is not None:
                use = {"usedAt": number(float(record.last_used_at))}
                yield _main(names, {**main_key(USES, record.id), **use}, what)
        case RequestBudget():
            yield put(names, names.budgets, item_of(record), what="a budget")
        case IdempotencyRecord():
            for item in record_items(record):
                yield _main(names, item, "the answer to a request")
        case UsageCount():
            yield _main(names, count_item(record), "a count")
        case LastEvaluated():
            yield _main(names, last_item(record.flag_set, record.flag_key, record.at), "a count")
        case AccessTime():
            yield _main(names, access_item(record.flag_id, record.at), "an access time")


def _main(names: TableNames, item: Item, what: str) -> Action:
    return put(names, names.main, item, what=what)


def _entity(names: TableNames, entity: Flag | Tombstone, step: FlagVersion) -> Iterator[Action]:
    what = f"flag {entity.key}"
    entry: Item = {
        **flag_key(entity.flag_set, entity.key),
        "version": number(entity.version),
        "revision": number(step.revision),
    }
    if isinstance(entity, Flag):
        yield put(names, names.flags, flag_item(entity), what=what)
        yield _main(names, {**entry, "id": text(entity.id)}, what)
    else:
        yield _main(names, {**entry, **sealed(entity)}, what)
