"""DynamoUsageStore: counts of evaluations, added to by every machine."""

import hashlib
import logging
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from burgee.adapters.dynamodb.client import Cancelled, DynamoClient, Item, pages
from burgee.adapters.dynamodb.items import float_of, int_of, number, text, text_of
from burgee.adapters.dynamodb.layout import main_key
from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames
from burgee.errors import UnavailableError
from burgee.model.resolution import Reason
from burgee.model.usage import UsageCount

KEPT_SECONDS = 92 * 86_400
"""After this DynamoDB deletes the counts of an hour; `purge` hides them before."""

AT_ONCE = 99
"""Items of a transaction; with what marks it as done these are a hundred."""

MARKED_SECONDS = 7 * 86_400
"""How long that mark is kept after the hour of the counts: nobody tries again after so long."""

_ATTEMPTS = 12
_PURGED = main_key("usage-purged", "usage-purged")
_NOT_LATER = "attribute_not_exists(lastAt) OR lastAt < :last"
_log = logging.getLogger("burgee.usage")


class DynamoUsageStore:
    """UsageStore of any number of machines.

    Counts are added a hundred items at a time, each transaction once: it leaves a mark, and is not applied
    where that stands. What fails on the way is kept here and tried again with the next counts. `add` raises
    only where that fails still; then nothing of what it was given is taken.
    """

    def __init__(self, client: DynamoClient, names: TableNames) -> None:
        self._client, self._table = client, names.main
        self._lock = threading.Lock()
        self._left: deque[_Batch] = deque()

    def add(self, counts: Sequence[UsageCount]) -> None:
        with self._lock:
            self._write_left()
            self._left.extend(map(_Batch, pages(_updates(_summed(counts)), AT_ONCE)))
            try:
                self._write_left()
            except UnavailableError as error:
                _log.warning("usage.delayed", extra={"problem": str(error), "transactions": len(self._left)})

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:
        first = max(0, since, self.purged())
        items = self._client.query(
            self._table,
            "pk = :pk AND sk >= :first",
            ExpressionAttributeValues={
                ":pk": text(_partition(flag_set, flag_key)),
                ":first": text(f"{first:012d}"),
            },
        )
        found = [count_of(item) for item in items]
        return tuple(sorted(found, key=lambda each: (each.hour, each.variant, each.reason.value)))

    def last_evaluated(self, flags: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
        items = self._client.get_many((self._table, _last_key(*flag)) for flag in flags)
        return {
            (text_of(item, "flagSet"), text_of(item, "flagKey")): float_of(item, "lastAt")
            for _, item in items
        }

    def purge(self, *, before: int) -> None:
        if before > self.purged():
            self._client.call("put_item", TableName=self._table, Item={**_PURGED, "before": number(before)})

    def close(self) -> None:
        """Try a last time to write what is left; the client is closed by whoever opened it."""
        with self._lock:
            try:
                self._write_left()
            except UnavailableError as error:
                _log.warning("usage.lost", extra={"problem": str(error), "transactions": len(self._left)})

    def purged(self) -> int:
        """The first hour whose counts still count."""
        item = self._client.get(self._table, _PURGED)
        return 0 if item is None else int_of(item, "before")

    def _write_left(self) -> None:
        while self._left:
            self._write(self._left[0])
            self._left.popleft()

    def _write(self, batch: "_Batch") -> None:
        """One transaction; an update that is not the latest of its item only counts."""
        for attempt in range(_ATTEMPTS):
            try:
                self._client.call(
                    "transact_write_items",
                    TransactItems=batch.items(self._table),
                    ClientRequestToken=uuid.uuid4().hex,
                )
            except Cancelled as refusal:
                if batch.is_done_by(refusal):
                    return
                time.sleep(random.uniform(0, min(0.3, 0.01 * 2**attempt)))  # noqa: S311
            else:
                return
        raise UnavailableError("others keep counting the same flags; try again")


class _Batch:
    """Updates that are one transaction, and the mark by which it is known to be done."""

    def __init__(self, updates: Sequence["_Update"]) -> None:
        self._updates, self._later = updates, [True] * len(updates)
        ttl = max(update.hour for update in updates) + MARKED_SECONDS
        self._mark = {**main_key(f"usage-done#{uuid.uuid4().hex}", "done"), TTL_ATTRIBUTE: number(ttl)}

    def items(self, table: str) -> list[dict[str, Any]]:
        """The transaction."""
        mark = {"TableName": table, "Item": self._mark, "ConditionExpression": "attribute_not_exists(pk)"}
        updates = (
            {"Update": update.request(table, is_latest=is_latest)}
            for update, is_latest in zip(self._updates, self._later, strict=True)
        )
        return [{"Put": mark}, *updates]

    def is_done_by(self, refusal: Cancelled) -> bool:
        """Whether it is refused because it was applied before; else it learns what is not the latest."""
        first, *rest = refusal.reasons or ("",)
        for index, reason in enumerate(rest):
            if reason == "ConditionalCheckFailed":
                self._later[index] = False
        return first == "ConditionalCheckFailed"


class _Update:
    """More of one item: `count` added, `last` where it is later."""

    def __init__(self, key: Item, fixed: Item, *, hour: int, count: int, last: float) -> None:
        self._key, self._fixed, self._count, self._last = key, fixed, count, last
        self.hour = hour

    def request(self, table: str, *, is_latest: bool) -> dict[str, Any]:
        names = {f"#{name}": name for name in self._fixed} | {"#count": "count"}
        values: dict[str, Any] = {f":{name}": value for name, value in self._fixed.items()}
        sets = [f"#{name} = :{name}" for name in self._fixed]
        values[":count"] = number(self._count)
        body: dict[str, Any] = {"TableName": table, "Key": self._key}
        if is_latest:
            sets.append("lastAt = :last")
            values[":last"] = number(float(self._last))
            body["ConditionExpression"] = _NOT_LATER
        body["UpdateExpression"] = f"SET {', '.join(sets)} ADD #count :count"
        return body | {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}


def _summed(counts: Sequence[UsageCount]) -> list[UsageCount]:
    """`counts` with each outcome once."""
    summed: dict[tuple[str, str, int, str, str], UsageCount] = {}
    for each in counts:
        key = (each.flag_set, each.flag_key, each.hour, each.variant, each.reason.value)
        known = summed.get(key)
        summed[key] = each if known is None else _sum(known, each)
    return list(summed.values())


def _sum(known: UsageCount, more: UsageCount) -> UsageCount:
    last_at = max(known.last_at, more.last_at)
    return msgspec.structs.replace(known, count=known.count + more.count, last_at=last_at)


def _updates(counts: Sequence[UsageCount]) -> list[_Update]:
    updates = []
    flags: dict[tuple[str, str], tuple[int, float]] = {}
    latest = max((each.hour for each in counts), default=0)
    for each in counts:
        flag = (each.flag_set, each.flag_key)
        total, last = flags.get(flag, (0, 0.0))
        flags[flag] = (total + each.count, max(last, each.last_at))
        updates.append(
            _Update(_count_key(each), _fixed(each), hour=each.hour, count=each.count, last=each.last_at)
        )
    for (flag_set, flag_key), (count, last) in flags.items():
        fixed = {"flagSet": text(flag_set), "flagKey": text(flag_key)}
        updates.append(_Update(_last_key(flag_set, flag_key), fixed, hour=latest, count=count, last=last))
    return updates


def count_item(each: UsageCount) -> Item:
    """The item of a count that is all there is of it, as a migration writes it."""
    moving = {"count": number(each.count), "lastAt": number(float(each.last_at))}
    return {**_count_key(each), **_fixed(each), **moving}


def last_item(flag_set: str, flag_key: str, at: float) -> Item:
    """The item of when a flag was last evaluated."""
    fixed = {"flagSet": text(flag_set), "flagKey": text(flag_key)}
    return {**_last_key(flag_set, flag_key), **fixed, "count": number(0), "lastAt": number(float(at))}


def count_of(item: Item) -> UsageCount:
    """The count of an item."""
    return UsageCount(
        flag_set=text_of(item, "flagSet"),
        flag_key=text_of(item, "flagKey"),
        hour=int_of(item, "hour"),
        variant=text_of(item, "variant"),
        reason=Reason(text_of(item, "reason")),
        count=int_of(item, "count"),
        last_at=float_of(item, "lastAt"),
    )


def _count_key(each: UsageCount) -> Item:
    outcome = hashlib.sha256(f"{each.reason.value}#{each.variant}".encode()).hexdigest()[:32]
    return main_key(_partition(each.flag_set, each.flag_key), f"{each.hour:012d}#{outcome}")


def _fixed(each: UsageCount) -> Item:
    return {
        "flagSet": text(each.flag_set),
        "flagKey": text(each.flag_key),
        "hour": number(each.hour),
        "variant": text(each.variant),
        "reason": text(each.reason.value),
        TTL_ATTRIBUTE: number(each.hour + KEPT_SECONDS),
    }


def _partition(flag_set: str, flag_key: str) -> str:
    return f"usage#{flag_set}#{flag_key}"


def _last_key(flag_set: str, flag_key: str) -> Item:
    return main_key(f"usage-last#{flag_set}#{flag_key}", "last")
