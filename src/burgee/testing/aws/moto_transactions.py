"""Transactions of moto that copy the items they touch, where moto copies whole tables for each action.

moto takes seconds for a transaction once a table has some thousand items or stream records. What counts is
the same: all of a transaction or nothing, and no stream record of one that failed.
"""

import copy
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


def make_transactions_cheap() -> None:
    """Replace moto's way for this process, which must handle one request after the other."""
    whole = DynamoDBBackend.transact_write_items

    def transact(backend: Any, actions: list[dict[str, Any]]) -> None:
        kept = [_kept(backend, next(iter(action.values()))) for action in actions]
        records = [(each[0], _length(each[0])) for each in kept if each is not None]
        try:
            whole(backend, actions)
        except Exception:
            for place in kept:
                if place is not None:
                    _restore(*place)
            for table, length in records:
                if table.stream_shard is not None:
                    del table.stream_shard.items[length:]
            raise

    DynamoDBBackend.transact_write_items = transact
    models.copy = SimpleNamespace(deepcopy=_deepcopy)


def make_inserts_one_record() -> None:
    """An UpdateItem that creates its item is one INSERT on AWS; moto shows an empty one before it."""
    whole = DynamoDBBackend.update_item

    def update(backend: Any, table_name: str, *arguments: Any, **named: Any) -> Any:
        shard = backend.get_table(table_name).stream_shard
        before = len(shard.items) if shard is not None else 0
        item = whole(backend, table_name, *arguments, **named)
        if shard is not None and len(shard.items) == before + 2:
            record = shard.items.pop().record["dynamodb"]
            shard.items[before].record["dynamodb"]["NewImage"] = record["NewImage"]
        return item

    DynamoDBBackend.update_item = update


def _deepcopy(value: Any) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value)


def _kept(backend: Any, action: dict[str, Any]) -> tuple[Any, Any, Any, Any] | None:
    """Where an action writes, and what is there now."""
    table = backend.tables.get(action.get("TableName"))
    attributes = action.get("Key") or action.get("Item") or {}
    if table is None or table.hash_key_attr not in attributes:
        return None
    hashed = DynamoType(attributes[table.hash_key_attr])
    ranged = DynamoType(attributes[table.range_key_attr]) if table.has_range_key else None
    return table, hashed, ranged, copy.deepcopy(table.get_item(hashed, ranged))


def _restore(table: Any, hashed: Any, ranged: Any, item: Any) -> None:
    place, key = (table.items, hashed) if ranged is None else (table.items[hashed], ranged)
    if item is None:
        place.pop(key, None)
    else:
        place[key] = item


def _length(table: Any) -> int:
    return len(table.stream_shard.items) if table.stream_shard is not None else 0
