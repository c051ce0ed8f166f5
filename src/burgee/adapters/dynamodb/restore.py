"""Restoring a whole store into empty tables; the head comes last, and with it everything is there."""

from collections.abc import Iterator, Sequence

import msgspec

from burgee.adapters.dynamodb import audit_items
from burgee.adapters.dynamodb.actions import Action, batch_request, put
from burgee.adapters.dynamodb.client import ConditionFailed, Item, pages
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import Head, head_item
from burgee.adapters.dynamodb.items import flag_item, number, override_item, sealed, text
from burgee.adapters.dynamodb.layout import (
    HEAD_KEY,
    change_key,
    flag_key,
    index_key,
    main_key,
    revision_prefix,
    set_key,
    user_id,
    version_key,
)
from burgee.adapters.dynamodb.override_writes import entries_of
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.adapters.dynamodb.publishes import KEYS_IN_ITEM
from burgee.adapters.dynamodb.sdk_keys import KEYS, USES, DynamoSdkKeys
from burgee.errors import ConflictError
from burgee.model.audit import AuditEvent
from burgee.model.flag import Flag, FlagVersion, Tombstone
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey
from burgee.ports import OverrideMark
from burgee.ports.migration import SetHistory, StoreParts

COMMIT = "migration"


class DynamoRestore:
    """A Restore into the tables of `store`."""

    survives = True

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store
        self._client, self._names = store.client, store.names

    def begin(self) -> None:
        if self._client.get(self._names.main, HEAD_KEY) is not None:
            raise ConflictError(f"table {self._names.main} holds a store already: name empty tables")

    def put_set(self, history: SetHistory) -> None:
        self._put(self._set_actions(history))

    def put_events(self, events: Sequence[AuditEvent]) -> None:
        self._put(audit_items.action(self._names, event, commit=COMMIT) for event in events)

    def put_overrides(self, overrides: Sequence[tuple[int, Override]]) -> None:
        places = [(each.flag_set, each.flag_key) for _, each in overrides]
        ids = {place: entry.id for place, entry in entries_of(self._store, places).items()}
        self._put(
            action
            for sequence, each in overrides
            for action in self._override_actions(each, sequence, ids.get((each.flag_set, each.flag_key), ""))
        )

    def put_keys(self, keys: Sequence[SdkKey]) -> None:
        self._put(action for key in keys for action in self._key_actions(key))

    def finish(self, *, head: tuple[int, str], mark: OverrideMark, key_changes: int) -> None:
        sequence, audit_hash = head
        item = head_item(
            Head(
                sequence=sequence,
                hash=audit_hash,
                commit=COMMIT,
                override_sequence=mark.sequence,
                override_count=mark.count,
                key_changes=key_changes,
            )
        )
        try:
            self._client.call(
                "put_item",
                TableName=self._names.main,
                Item=item,
                ConditionExpression="attribute_not_exists(pk) OR #commit = :commit",
                ExpressionAttributeNames={"#commit": "commit"},
                ExpressionAttributeValues={":commit": text(COMMIT)},
            )
        except ConditionFailed:
            raise ConflictError(f"somebody has begun to write to table {self._names.main}") from None

    def open(self) -> StoreParts:
        return StoreParts(self._store, DynamoOverrideStore(self._store), DynamoSdkKeys(self._store))

    def close(self) -> None:
        """Close the client."""
        self._store.close()

    def _put(self, actions: Iterator[Action]) -> None:
        self._client.write_many(batch_request(action) for action in actions)

    def _main(self, item: Item, what: str) -> Action:
        return put(self._names, self._names.main, item, what=what)

    def _set_actions(self, history: SetHistory) -> Iterator[Action]:
        last = {step.key: step for step in history.steps}
        for step in history.steps:
            place = version_key(step.flag_set, step.key, step.version)
            yield self._main({**place, "revision": number(step.revision), **sealed(step)}, step.key)
        for entity in history.entities:
            yield from self._entity_actions(entity, last[entity.key])
        flag_set = history.flag_set
        for revision, keys in history.keys_by_revision().items():
            for index, some in enumerate(pages(keys, KEYS_IN_ITEM)):
                sort = f"{revision_prefix(revision)}#{index:04d}"
                listed = {"keys": text(msgspec.json.encode(some).decode())}
                yield self._main({**main_key(f"set#{flag_set.key}", sort), **listed}, "a revision")
        item = {**set_key(flag_set.key), "revision": number(flag_set.revision), **sealed(flag_set)}
        yield self._main(item, f"flag set {flag_set.key}")

    def _entity_actions(self, entity: Flag | Tombstone, step: FlagVersion) -> Iterator[Action]:
        entry: Item = {
            **flag_key(entity.flag_set, entity.key),
            "version": number(entity.version),
            "revision": number(step.revision),
        }
        if isinstance(entity, Flag):
            item = flag_item(entity)
            yield put(self._names, self._names.flags, item, what=f"flag {entity.key}")
            yield self._main({**entry, "id": text(entity.id)}, f"flag {entity.key}")
        else:
            yield self._main({**entry, **sealed(entity)}, f"flag {entity.key}")

    def _override_actions(self, override: Override, sequence: int, flag_id: str) -> Iterator[Action]:
        what = f"the override of {override.flag_key}"
        flag_id = flag_id or f"{override.flag_set}/{override.flag_key}"
        user = user_id(override.targeting_key)
        mapping = override_item(override, user_id=user, flag_id=flag_id, sequence=sequence)
        yield put(self._names, self._names.overrides, mapping, what=what)
        place = index_key(override.flag_set, override.flag_key, override.targeting_key)
        yield self._main(
            {**place, "flagId": text(flag_id), "sequence": number(sequence), **sealed(override)}, what
        )
        yield self._main({**change_key(sequence), "subject": text(override.targeting_key)}, what)

    def _key_actions(self, key: SdkKey) -> Iterator[Action]:
        content = sealed(msgspec.structs.replace(key, last_used_at=None))
        yield self._main({**main_key(KEYS, key.id), "name": text(key.name), **content}, f"the key {key.id}")
        if key.last_used_at is not None:
            yield self._main(
                {**main_key(USES, key.id), "usedAt": number(float(key.last_used_at))}, f"the key {key.id}"
            )
