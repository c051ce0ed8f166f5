"""Adopting overrides: mappings that a source service wrote become known to every list and filter."""

import logging
from collections.abc import Callable

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import (
    IS_OURS,
    OWN_NAMES,
    flag_of,
    override_of,
    source_override,
    text,
    text_of,
    unsealed,
)
from burgee.adapters.dynamodb.layout import main_key, subject_of_user_id
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.adapters.dynamodb.source_flags import ACTOR
from burgee.errors import StoreDamagedError, VersionConflictError
from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag
from burgee.model.json import JsonValue
from burgee.model.override import Override, OverrideChange

AT_ONCE = 500
_log = logging.getLogger("burgee.dynamodb")
_MARK = main_key("adoption", "overrides")


class SourceOverrides:
    """Mappings that were last written by somebody else than Burgee."""

    def __init__(self, store: DynamoFlagStore) -> None:
        self._store = store
        self._overrides = DynamoOverrideStore(store)

    def is_done(self) -> bool:
        """Whether the whole table was gone through once."""
        return self._store.client.get(self._store.names.main, _MARK) is not None

    def adopt(self, *, most: int | None = None, tell: Callable[[int], None] = lambda _: None) -> int:
        """Adopt at most `most` mappings; how many were. `tell` hears of each batch.

        A mapping of a flag that is not there stays as it is. What was adopted is passed over when it is
        called again.
        """
        adopted = 0
        pages = self._store.client.scan_pages(
            self._store.names.overrides,
            after=None,
            FilterExpression=f"NOT ({IS_OURS})",
            ExpressionAttributeNames=OWN_NAMES,
            ConsistentRead=True,
        )
        for items, _ in pages:
            for start in range(0, len(items), AT_ONCE):
                count = self._adopt(items[start : start + AT_ONCE])
                adopted += count
                tell(count)
                if most is not None and adopted >= most:
                    _log.warning("overrides.adoption_unfinished", extra={"adopted": adopted})
                    return adopted
        self._store.client.call(
            "put_item",
            TableName=self._store.names.main,
            Item={**_MARK, "at": text(str(self._store.clock()))},
        )
        return adopted

    def _adopt(self, items: list[Item]) -> int:
        keys = [(self._store.names.flags, {"id": item["flagId"]}) for item in items]
        flags = {
            text_of(item, "id"): flag_of(item)
            for _, item in self._store.client.get_many(keys)
            if "document" in item
        }
        changes = [change for item in items if (change := self._change(item, flags)) is not None]
        try:
            self._overrides.write_overrides(changes)
        except VersionConflictError:
            # Somebody writes one of them at this moment: each by itself, and that one is theirs.
            return sum(self._adopt_one(change) for change in changes)
        return len(changes)

    def _adopt_one(self, change: OverrideChange) -> int:
        try:
            self._overrides.write_override(change)
        except VersionConflictError:
            return 0
        return 1

    def _change(self, item: Item, flags: dict[str, Flag]) -> OverrideChange | None:
        before: Override | None = None
        if "document" in item:
            try:
                before, after = unsealed(item, Override, "an override"), override_of(item)
            except StoreDamagedError:
                return None
            version = before.version
        else:
            flag = flags.get(text_of(item, "flagId"))
            subject = subject_of_user_id(text_of(item, "userId"))
            found = source_override(item, flag=flag, targeting_key=subject) if flag and subject else None
            if found is None:
                return None
            after, version = found, found.version
        after = msgspec.structs.replace(after, version=version + 1)
        return OverrideChange(
            flag_set=after.flag_set,
            flag_key=after.flag_key,
            targeting_key=after.targeting_key,
            expected_version=version,
            override=after,
            audit=adopted_override_event(after, before, self._store.clock()),
        )


def adopted_override_event(override: Override, before: Override | None, now: float) -> AuditDraft:
    """What is recorded of an override that is taken over."""
    place = f"{override.flag_set}/{override.flag_key}/{override.targeting_key}"
    return AuditDraft(
        at=now,
        actor=override.updated_by or ACTOR,
        action="override.adopted",
        entity=f"overrides/{place}",
        flag_set=override.flag_set,
        flag_key=override.flag_key,
        before=_form(before) if before is not None else None,
        after=_form(override),
        reason="written by the source service",
    )


def _form(override: Override) -> JsonValue:
    form: JsonValue = msgspec.to_builtins(override)
    return form
