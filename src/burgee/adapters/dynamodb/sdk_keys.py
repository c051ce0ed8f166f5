"""SDK keys in the main table, known to every machine."""

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from burgee.adapters.dynamodb.actions import put
from burgee.adapters.dynamodb.client import ConditionFailed, Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.head import Head
from burgee.adapters.dynamodb.items import float_of, number, sealed, text, text_of, unsealed
from burgee.adapters.dynamodb.layout import is_key_text, main_key
from burgee.adapters.dynamodb.plans import Planned
from burgee.adapters.memory_sdk_keys import too_many, unknown
from burgee.errors import AlreadyExistsError
from burgee.model.audit import AuditDraft
from burgee.model.sdk_key import SdkKey

KEYS, USES = "sdk-keys", "sdk-key-uses"


class DynamoSdkKeys:
    """An SdkKeyStore beside a DynamoFlagStore."""

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store
        self._client, self._table = store.client, store.names.main

    def sdk_key(self, key_id: str) -> SdkKey | None:
        if not is_key_text(key_id, limit=1_000):
            return None
        found = self._client.get_many((self._table, main_key(pk, key_id)) for pk in (KEYS, USES))
        items = {text_of(item, "pk"): item for _, item in found}
        return _key(items[KEYS], items.get(USES)) if KEYS in items else None

    def sdk_keys(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        if limit <= 0 or not is_key_text(after or " ", limit=1_000):
            return ()
        items = list(islice(self._query(after=after, page=min(limit, 1_000)), limit))
        uses = self._client.get_many((self._table, main_key(USES, text_of(item, "sk"))) for item in items)
        used = {text_of(item, "sk"): item for _, item in uses}
        return tuple(_key(item, used.get(text_of(item, "sk"))) for item in items)

    def add_sdk_key(self, key: SdkKey, draft: AuditDraft, *, most: int) -> None:
        def plan(_: Head) -> Planned:
            if self.sdk_key(key.id) is not None:
                raise AlreadyExistsError(f"there is a key {key.id} already")
            keys = (_key(item, None) for item in self._query(name=key.name))
            if sum(each.is_active(draft.at) for each in keys) >= most:
                raise too_many(key.name, most)
            return self._written(key, draft)

        self._store.writer.write(plan)

    def revoke_sdk_key(self, key_id: str, draft: AuditDraft) -> SdkKey:
        revoked: list[SdkKey] = []

        def plan(_: Head) -> Planned:
            key = self.sdk_key(key_id)
            if key is None:
                raise unknown(key_id)
            if key.revoked_at is not None:
                revoked.append(key)
                return Planned(actions=(), audit=())
            revoked.append(msgspec.structs.replace(key, revoked_at=draft.at))
            return self._written(revoked[-1], draft)

        self._store.writer.write(plan)
        return revoked[-1]

    def note_sdk_key_uses(self, uses: Mapping[str, float]) -> None:
        keys = [(self._table, main_key(KEYS, key_id)) for key_id in uses if is_key_text(key_id, limit=1_000)]
        for _, item in self._client.get_many(keys):
            key_id = text_of(item, "sk")
            try:
                self._client.call(
                    "update_item",
                    TableName=self._table,
                    Key=main_key(USES, key_id),
                    UpdateExpression="SET usedAt = :at",
                    ConditionExpression="attribute_not_exists(usedAt) OR usedAt < :at",
                    ExpressionAttributeValues={":at": number(float(uses[key_id]))},
                )
            except ConditionFailed:
                continue  # another machine noted a later use

    def sdk_key_changes(self) -> int:
        """As of the last look that anything in this process took at the head.

        Never a call, so that who shows a token waits for nothing: the refresher looks. 0 before its first
        look, whose answer is another number where any key was ever changed.
        """
        known = self._store.writer.known
        return known.key_changes if known is not None else 0

    def _query(self, *, after: str = "", page: int | None = None, name: str | None = None) -> Iterator[Item]:
        values = {":pk": text(KEYS), ":after": text(after or " ")}
        request: dict[str, object] = {}
        if name is not None:
            request = {"FilterExpression": "#name = :name", "ExpressionAttributeNames": {"#name": "name"}}
            values[":name"] = text(name)
        return self._client.query(
            self._table,
            "pk = :pk AND sk > :after",
            limit=page,
            ExpressionAttributeValues=values,
            **request,
        )

    def _written(self, key: SdkKey, draft: AuditDraft) -> Planned:
        item = {
            **main_key(KEYS, key.id),
            "name": text(key.name),
            **sealed(msgspec.structs.replace(key, last_used_at=None)),
        }
        action = put(self._store.names, self._table, item, what=f"the key {key.id}")
        return Planned(actions=[action], audit=[draft], key_changes=1)


def _key(item: Item, use: Item | None) -> SdkKey:
    key = unsealed(item, SdkKey, f"the key {text_of(item, 'sk')}")
    return key if use is None else msgspec.structs.replace(key, last_used_at=float_of(use, "usedAt"))
