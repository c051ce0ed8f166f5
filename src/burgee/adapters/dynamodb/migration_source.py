"""What the tables hold beside the flags, read whole for a migration: each table once, page by page."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from burgee.adapters.dynamodb.budget_items import budget_of
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.items import float_of, int_of, override_of, text, text_of
from burgee.adapters.dynamodb.publishes import record_of
from burgee.adapters.dynamodb.sdk_keys import DynamoSdkKeys
from burgee.adapters.dynamodb.usage import DynamoUsageStore, count_of
from burgee.errors import StoreDamagedError
from burgee.model.budget import SEED_LIMIT, RequestBudget
from burgee.ports import OverrideMark
from burgee.ports.migration import AccessTime, LastEvaluated, OverridePage, Record, Remark

_KEYS_AT_ONCE = 1_000
_KINDS = {":usage": "usage#", ":last": "usage-last#", ":access": "access#", ":request": "idempotency#"}


class DynamoBeside:
    """Beside of the flags of `store`. A budget of a source service, which has no limit, gets `seed_limit`."""

    def __init__(self, store: DynamoFlagStore, *, seed_limit: int = SEED_LIMIT) -> None:
        self._store, self._seed_limit = store, seed_limit
        self._client, self._names = store.client, store.names

    def override_mark(self) -> OverrideMark:
        head = self._store.writer.head()
        return OverrideMark(sequence=head.override_sequence, count=head.override_count)

    def key_changes(self) -> int:
        return self._store.writer.head().key_changes

    def overrides(self, *, after: str = "") -> Iterator[OverridePage]:
        """In the order of the table, whose keys are the positions."""
        start: Item | None = msgspec.json.decode(after) if after else None
        for items, key in self._client.scan_pages(self._names.overrides, after=start, ConsistentRead=True):
            ours = [(int_of(item, "sequence"), override_of(item)) for item in items if "document" in item]
            last = key or {name: items[-1][name] for name in ("userId", "flagId")} if items else key
            if ours and last:
                yield OverridePage(ours, msgspec.json.encode(last).decode())

    def records(self, *, now: float) -> Iterator[Record]:
        keys, after = DynamoSdkKeys(self._store), ""
        while some := keys.sdk_keys(after=after, limit=_KEYS_AT_ONCE):
            yield from some
            after = some[-1].id
        for item in self._client.scan(self._names.budgets, ConsistentRead=True):
            try:
                yield self._budget(item)
            except StoreDamagedError:
                continue  # `remarks` tells
        purged = DynamoUsageStore(self._client, self._names).purged()
        for pk, items in groupby(self._others(), key=lambda item: text_of(item, "pk")):
            if pk.startswith("idempotency#"):
                record = record_of(items)
                if record.expires_at > now:
                    yield record
            elif pk.startswith("usage#"):
                yield from (count for count in map(count_of, items) if count.hour >= purged)
            elif pk.startswith("usage-last#"):
                for item in items:
                    place = text_of(item, "flagSet"), text_of(item, "flagKey")
                    yield LastEvaluated(flag_set=place[0], flag_key=place[1], at=float_of(item, "lastAt"))
            else:
                for item in items:
                    yield AccessTime(flag_id=pk.removeprefix("access#"), at=float_of(item, "at"))

    def remarks(self) -> Sequence[Remark]:
        """What a source service wrote and nobody has adopted, and budgets that cannot be read."""
        found: list[Remark] = []
        adopt = "a source service wrote it, and nobody has adopted it: migrate from rds-dynamodb first"
        foreign = {
            "FilterExpression": "attribute_not_exists(#document)",
            "ExpressionAttributeNames": {"#document": "document"},
        }
        flags = self._client.scan(self._names.flags, **foreign)
        found += [Remark(kind="flag", id=text_of(item, "id"), reason=adopt) for item in flags]
        for item in self._client.scan(self._names.overrides, **foreign):
            place = f"{text_of(item, 'userId')} {text_of(item, 'flagId')}"
            found.append(Remark(kind="mapping", id=place, reason=adopt))
        for item in self._client.scan(self._names.budgets):
            try:
                self._budget(item)
            except StoreDamagedError as error:
                found.append(Remark(kind="budget", id=text_of(item, "limitType"), reason=str(error)))
        return found

    def _budget(self, item: Item) -> RequestBudget:
        return budget_of(item, seed_limit=self._seed_limit)

    def _others(self) -> Iterator[Item]:
        """Items of one partition follow each other, in the order of their sort keys."""
        return self._client.scan(
            self._names.main,
            FilterExpression=" OR ".join(f"begins_with(pk, {name})" for name in _KINDS),
            ExpressionAttributeValues={name: text(prefix) for name, prefix in _KINDS.items()},
            ConsistentRead=True,
        )
