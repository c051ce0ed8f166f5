"""Snapshot objects in DynamoDB, for those who have no S3: a head item, and parts beside it.

All items of an object share a partition, so that one query reads it whole. The head names the tag of the
content in place; parts of another tag are on their way in, or out.
"""

import os
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import Any

from burgee.adapters.aws.dynamodb_calls import Calls, Item
from burgee.errors import NotFoundError, UnavailableError, VersionConflictError
from burgee.ports.snapshots import StoredObject

PART_BYTES = 380_000
"""An item is at most 400 KB, with its names."""

HEAD = "head"


class DynamoObjects:
    """The objects in Burgee's own table (pk, sk); a SnapshotObjects."""

    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table

    def read(self, name: str) -> StoredObject | None:
        try:
            return self.fetch(name, "", deadline_seconds=10.0)
        except NotFoundError:
            return None

    def fetch(self, name: str, tag: str, *, deadline_seconds: float) -> StoredObject | None:
        """The object, None where it still has `tag`. Raises NotFoundError, UnavailableError."""
        request: dict[str, Any]
        if tag:
            request = {
                "TableName": self._table,
                "Key": _key(name, HEAD),
                "ProjectionExpression": "tag",
            }
            head = self._calls.call("GetItem", request, deadline_seconds=deadline_seconds).get("Item")
            if head is not None and head["tag"]["S"] == tag:
                return None
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"snapshot#{name}"}},
            "ConsistentRead": True,
        }
        items = {
            item["sk"]["S"]: item for item in self._calls.query(request, deadline_seconds=deadline_seconds)
        }
        head = items.get(HEAD)
        if head is None:
            raise NotFoundError(f"there is no snapshot {name} in {self._table}")
        found = head["tag"]["S"]
        names = [_part(found, number) for number in range(int(head["parts"]["N"]))]
        if not items.keys() >= set(names):
            raise UnavailableError(f"the snapshot {name} is being replaced")
        content = b"".join([b64decode(items[each]["content"]["B"]) for each in names])
        return StoredObject(content=content, tag=found)

    def write(self, name: str, content: bytes, *, replaces: str | None) -> str:
        tag = os.urandom(16).hex()  # of chance: of two that write the same, each has its own parts
        before = self._head(name)
        if (before["tag"]["S"] if before else None) != replaces:
            raise VersionConflictError(f"the snapshot {name} was written by somebody else", current=0)
        parts = [content[place : place + PART_BYTES] for place in range(0, len(content), PART_BYTES)]
        for number, part in enumerate(parts):
            item = {**_key(name, _part(tag, number)), "content": {"B": b64encode(part).decode()}}
            self._put(item)
        head = {**_key(name, HEAD), "tag": {"S": tag}, "parts": {"N": str(len(parts))}}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if replaces is not None:
            condition = {
                "ConditionExpression": "tag = :tag",
                "ExpressionAttributeValues": {":tag": {"S": replaces}},
            }
        try:
            self._put(head, **condition)
        except VersionConflictError:
            self._delete_parts(name, head)
            raise
        if before is not None:
            self._delete_parts(name, before)
        return tag

    def _head(self, name: str) -> Item | None:
        request = {"TableName": self._table, "Key": _key(name, HEAD), "ConsistentRead": True}
        found: Item | None = self._calls.call("GetItem", request).get("Item")
        return found

    def _put(self, item: Item, **more: Any) -> None:
        self._calls.call("PutItem", {"TableName": self._table, "Item": item, **more}, deadline_seconds=5.0)

    def _delete_parts(self, name: str, head: Item) -> None:
        """What stays behind when this fails is read by nobody and costs its storage."""
        with suppress(UnavailableError):
            for number in range(int(head["parts"]["N"])):
                key = _key(name, _part(head["tag"]["S"], number))
                self._calls.call("DeleteItem", {"TableName": self._table, "Key": key})


class DynamoSource:
    """One object of the table; a SnapshotSource."""

    def __init__(self, objects: DynamoObjects, name: str) -> None:
        self._objects, self._name = objects, name

    def fetch(self, tag: str, *, deadline_seconds: float) -> StoredObject | None:
        return self._objects.fetch(self._name, tag, deadline_seconds=deadline_seconds)


def _key(name: str, sort: str) -> Item:
    return {"pk": {"S": f"snapshot#{name}"}, "sk": {"S": sort}}


def _part(tag: str, number: int) -> str:
    return f"part#{tag}#{number:04}"
