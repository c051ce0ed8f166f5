"""Burgee's own table in memory, as far as snapshots use it: exact, and quick enough for a state machine."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from burgee.adapters.aws.dynamodb_calls import Item
from burgee.errors import VersionConflictError


class MemoryTable:
    """What DynamoObjects calls; each call is one step, as it is in DynamoDB. Thread-safe."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self._lock = threading.Lock()

    def call(
        self,
        name: str,
        request: Mapping[str, Any],
        *,
        deadline_seconds: float = 2.0,  # noqa: ARG002 - it takes no time
    ) -> Item:
        with self._lock:
            return _CALLS[name](self.items, request)

    def query(
        self,
        request: Mapping[str, Any],
        *,
        deadline_seconds: float = 2.0,  # noqa: ARG002 - it takes no time
    ) -> Iterator[Item]:
        pk = request["ExpressionAttributeValues"][":pk"]["S"]
        with self._lock:
            return iter([dict(item) for key, item in sorted(self.items.items()) if key[0] == pk])


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _get(items: dict[tuple[str, str], Item], request: Mapping[str, Any]) -> Item:
    found = items.get(_place(request["Key"]))
    return {"Item": dict(found)} if found is not None else {}


def _put(items: dict[tuple[str, str], Item], request: Mapping[str, Any]) -> Item:
    place, values = _place(request["Item"]), request.get("ExpressionAttributeValues", {})
    stands = items.get(place)
    match request.get("ConditionExpression"):
        case None:
            holds = True
        case "attribute_not_exists(pk)":
            holds = stands is None
        case "tag = :tag":
            holds = stands is not None and stands.get("tag") == values[":tag"]
        case unknown:
            raise NotImplementedError(unknown)
    if not holds:
        raise VersionConflictError("the item was written by somebody else", current=0)
    items[place] = dict(request["Item"])
    return {}


def _delete(items: dict[tuple[str, str], Item], request: Mapping[str, Any]) -> Item:
    items.pop(_place(request["Key"]), None)
    return {}


_CALLS = {"GetItem": _get, "PutItem": _put, "DeleteItem": _delete}
