"""Actions: what one commit writes, one for each item."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.guards import Guard
from burgee.adapters.dynamodb.layout import item_bytes, require_size
from burgee.adapters.dynamodb.tables import TableNames

MAX_ACTIONS = 100
MAX_TRANSACTION_BYTES = 3_500_000
"""DynamoDB takes 4 MB of items; the rest is room for the conditions."""
PART_BYTES = 350_000


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An item put, or deleted where `item` is None.

    `lasting` items are written once and never change, so that writing one twice does no harm. `condition`
    is that of an item of Burgee's own, and demanded where all is one transaction; what is staged stands
    under the head's guard instead. `guard` is that of an item in a source's table, and always demanded.
    """

    table: str
    key: Item
    item: Item | None = None
    lasting: bool = False
    condition: str = ""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    guard: Guard | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """The table and the key, to tell which item an action is of."""
        return place_of(self.table, tuple(self.key), self.key)


def place_of(table: str, keys: Sequence[str], item: Item) -> tuple[str, ...]:
    """The table and the key of an item."""
    return (table, *(str(item[name]["S"]) for name in sorted(keys)))


def put(
    names: TableNames,
    table: str,
    item: Item,
    *,
    what: str,
    lasting: bool = False,
    condition: str = "",
    expression_names: dict[str, str] | None = None,
    values: dict[str, Any] | None = None,
    guard: Guard | None = None,
) -> Action:
    """An item put whole.

    Raises LimitExceededError, naming `what`, where DynamoDB does not take it.
    """
    require_size(item, what)
    key = {name: item[name] for name in names.keys_of(table)}
    return Action(
        table=table,
        key=key,
        item=item,
        lasting=lasting,
        condition=condition,
        names=expression_names or {},
        values=values or {},
        guard=guard,
    )


def size_of(action: Action) -> int:
    """The bytes that an action counts for."""
    return item_bytes(action.item if action.item is not None else action.key)


def fits(actions: Sequence[Action], *, beside: int) -> bool:
    """Whether one transaction takes them and `beside` more small ones."""
    return (
        len(actions) + beside <= MAX_ACTIONS
        and sum(size_of(each) for each in actions) <= MAX_TRANSACTION_BYTES
    )


def transact_item(action: Action, *, is_decided: bool = False) -> dict[str, Any]:
    """The action as one of TransactWriteItems; without its own condition where its commit `is_decided`."""
    body: dict[str, Any] = {"TableName": action.table}
    condition, names, values = ("", {}, {}) if is_decided else (action.condition, action.names, action.values)
    if action.guard is not None:
        condition, names, values = action.guard.condition(next(iter(action.key)))
    if condition:
        body["ConditionExpression"] = condition
        if names:
            body["ExpressionAttributeNames"] = names
        if values:
            body["ExpressionAttributeValues"] = values
    if action.item is None:
        return {"Delete": {**body, "Key": action.key}}
    return {"Put": {**body, "Item": action.item}}


def batch_request(action: Action) -> tuple[str, dict[str, Any]]:
    """The action as one of BatchWriteItem."""
    if action.item is None:
        return action.table, {"DeleteRequest": {"Key": action.key}}
    return action.table, {"PutRequest": {"Item": action.item}}


def chunks(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """`actions` as one transaction takes them, with one place left; always cut in the same places."""
    chunk: list[Action] = []
    size = 0
    for action in actions:
        more = size_of(action)
        if chunk and (len(chunk) == MAX_ACTIONS - 1 or size + more > MAX_TRANSACTION_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(action)
        size += more
    if chunk:
        yield chunk


def packed(actions: Sequence[Action]) -> list[bytes]:
    """All of `actions` in parts, each of which fits into an item."""
    content = zlib.compress(msgspec.msgpack.encode(actions), 1)
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]


def unpacked(parts: Sequence[bytes]) -> list[Action]:
    """The actions that `packed` made parts of.

    Raises ValueError where these are not all of them.
    """
    try:
        return msgspec.msgpack.decode(zlib.decompress(b"".join(parts)), type=list[Action])
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"a staged commit cannot be read: {error}") from error
