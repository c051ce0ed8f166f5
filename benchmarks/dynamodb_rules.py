"""Capacity units by DynamoDB's own rules, from the requests and the answers alone.

A write unit for each KB begun of the larger of what was there and what is there then, two in a transaction; a
read unit for each 4 KB begun of a consistent read, for a page of a query as a whole. What an emulator measures
must be the same: `dynamodb_cost.py` compares the two.
"""

import math
from collections.abc import Callable
from typing import Any

from burgee.adapters.dynamodb.layout import item_bytes
from burgee.testing.aws.metered import Cost

Item = dict[str, Any]


class RuledClient:
    """A client of boto3, with `ruled` beside it: what the rules make of everything that it was asked."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._sizes: dict[tuple[str, ...], int] = {}
        self.ruled = Cost()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            answer = getattr(self._raw, name)(**request)
            reads, writes = self._units(name, request, answer)
            ruled = self.ruled
            self.ruled = Cost(ruled.calls + 1, ruled.reads + reads, ruled.writes + writes)
            return answer

        return call

    def _units(self, name: str, request: Any, answer: Any) -> tuple[float, float]:
        match name:
            case "get_item":
                return read_units(item_bytes(answer.get("Item", {}))), 0
            case "batch_get_item":
                found = [item for items in answer["Responses"].values() for item in items]
                asked = sum(len(each["Keys"]) for each in request["RequestItems"].values())
                return sum(read_units(item_bytes(item)) for item in found) + asked - len(found), 0
            case "query":
                return read_units(sum(map(item_bytes, answer["Items"]))), 0
            case "scan":
                return self._scanned(request, answer), 0
            case "transact_write_items":
                return 0, 2 * sum(self._written(each) for each in request["TransactItems"])
            case "batch_write_item":
                return 0, sum(
                    self._written({kind.removesuffix("Request"): {"TableName": table, **body}})
                    for table, some in request["RequestItems"].items()
                    for one in some
                    for kind, body in one.items()
                )
            case "put_item" | "update_item" | "delete_item":
                return 0, self._written({name.removesuffix("_item").capitalize(): request})
            case _:
                return 0, 0

    def _scanned(self, request: Any, answer: Any) -> float:
        """A Scan reads its whole table, whatever passes its filter; of one of several pages only it knows."""
        if "LastEvaluatedKey" in answer or "ExclusiveStartKey" in request:
            return float(answer["ConsumedCapacity"]["CapacityUnits"])
        return read_units(sum(n for place, n in self._sizes.items() if place[0] == request["TableName"]))

    def _written(self, action: dict[str, Any]) -> int:
        ((kind, body),) = action.items()
        key = body["Item"] if kind == "Put" else body["Key"]
        place = _place(body["TableName"], key)
        before = self._sizes.get(place, 0)
        # An update changes a counter of some bytes: what it makes is as large as what was there.
        after = {"Put": lambda: item_bytes(key), "Delete": lambda: 0, "Update": lambda: before}[kind]()
        self._sizes[place] = after
        return write_units(max(before, after))


def read_units(size: int) -> int:
    return max(1, math.ceil(size / 4096))


def write_units(size: int) -> int:
    return max(1, math.ceil(size / 1024))


def _place(table: str, item: Item) -> tuple[str, ...]:
    names = [name for name in ("pk", "sk", "id", "userId", "flagId", "limitType") if name in item]
    keys = names[:2] if names[0] == "pk" else names[:1] if names[0] == "id" else names
    return (table, *(item[name]["S"] for name in keys))
