"""The head: the one item that every write moves on, and by which all of them are in one order."""

from typing import Any

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.items import int_of, number, text, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY
from burgee.errors import UnavailableError
from burgee.model.audit import GENESIS_HASH

MIGRATION = "migration"
"""The attribute by which a head says that its store is being copied into, with the job that does."""

UNMOVED = "#sequence = :sequence AND #hash = :hash AND attribute_not_exists(#pending)"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store stands after the commit `commit`.

    `pending` names a commit that is decided and not yet written out: `done` of its chunks are.
    """

    sequence: int = 0
    hash: str = GENESIS_HASH
    commit: str = ""
    override_sequence: int = 0
    override_count: int = 0
    key_changes: int = 0
    pending: str = ""
    parts: int = 0
    done: int = 0


def head_of(item: Item | None, *, is_moving: bool = False) -> Head:
    """The head that an item holds; that of an empty store where there is none.

    Raises UnavailableError where the store is half a copy, save for who is making it (`is_moving`).
    """
    if item is None:
        return Head()
    if MIGRATION in item and not is_moving:
        raise UnavailableError(
            "the tables hold half a copy of another store: run `burgee migrate` again", retry_after=30.0
        )
    return Head(
        sequence=int_of(item, "sequence"),
        hash=text_of(item, "hash"),
        commit=text_of(item, "commit"),
        override_sequence=int_of(item, "overrideSequence"),
        override_count=int_of(item, "overrideCount"),
        key_changes=int_of(item, "keyChanges"),
        pending=text_of(item, "pending"),
        parts=int_of(item, "parts"),
        done=int_of(item, "done"),
    )


def head_item(head: Head) -> Item:
    """The item of `head`."""
    item = {
        **HEAD_KEY,
        "sequence": number(head.sequence),
        "hash": text(head.hash),
        "commit": text(head.commit),
        "overrideSequence": number(head.override_sequence),
        "overrideCount": number(head.override_count),
        "keyChanges": number(head.key_changes),
    }
    if head.pending:
        item |= {"pending": text(head.pending), "parts": number(head.parts), "done": number(head.done)}
    return item


def moved(table: str, head: Head, after: Head) -> dict[str, Any]:
    """The part of a transaction that moves `head` on, where it stands there still."""
    body: dict[str, Any] = {"TableName": table, "Item": head_item(after)}
    if head.commit:
        body["ConditionExpression"] = UNMOVED
        body["ExpressionAttributeNames"] = {f"#{name}": name for name in ("sequence", "hash", "pending")}
        body["ExpressionAttributeValues"] = {
            ":sequence": number(head.sequence),
            ":hash": {"S": head.hash},
        }
    else:
        body["ConditionExpression"] = "attribute_not_exists(pk)"
    return {"Put": body}


def counted(table: str, pending: str, index: int, *, is_last: bool) -> dict[str, Any]:
    """The part of a transaction that counts a chunk of `pending`, where it is the next one."""
    names = {"#pending": "pending", "#done": "done"}
    values = {":pending": {"S": pending}, ":done": number(index)}
    if is_last:
        names["#parts"] = "parts"
        expression = "REMOVE #pending, #done, #parts"
    else:
        values[":next"] = number(index + 1)
        expression = "SET #done = :next"
    return {
        "Update": {
            "TableName": table,
            "Key": HEAD_KEY,
            "UpdateExpression": expression,
            "ConditionExpression": "#pending = :pending AND #done = :done",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
    }
