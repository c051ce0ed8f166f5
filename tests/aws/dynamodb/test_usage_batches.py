"""Counts of many outcomes are several transactions: each is counted once, whichever of them fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb import usage  # noqa: E402
from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames  # noqa: E402
from burgee.adapters.dynamodb.usage import DynamoUsageStore  # noqa: E402
from burgee.errors import UnavailableError  # noqa: E402
from burgee.model.usage import UsageCount  # noqa: E402
from burgee.testing.usage_store_contract import HOUR, a_count  # noqa: E402

pytestmark = pytest.mark.aws

FLAGS = 12
"""24 items: three transactions of ten at most."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "AT_ONCE", 10)


@pytest.fixture
def store(client: DynamoClient) -> DynamoUsageStore:
    return DynamoUsageStore(client, TableNames())


@contextmanager
def outage(at: int, *, arrives: bool) -> Iterator[None]:
    """From the transaction of that number on nothing is answered; the first of them perhaps arrives."""
    call, left = DynamoClient.call, [at]

    def failing(self: DynamoClient, operation: str, **request: Any) -> Any:
        if operation != "transact_write_items":
            return call(self, operation, **request)
        left[0] -= 1
        if left[0] >= 0:
            return call(self, operation, **request)
        if left[0] == -1 and arrives:
            call(self, operation, **request)
        raise UnavailableError("away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoClient, "call", failing)
        yield


def marks(client: DynamoClient) -> list[Any]:
    return [item for item in client.scan("burgee") if item["pk"]["S"].startswith("usage-done#")]


def counted(times: int) -> list[UsageCount]:
    return [a_count(flag_key=f"k{number:02d}", count=times) for number in range(FLAGS)]


def totals(store: DynamoUsageStore) -> dict[str, int]:
    keys = [f"k{number:02d}" for number in range(FLAGS)]
    return {key: sum(each.count for each in store.counts("checkout", key, since=0)) for key in keys}


def all_of(count: int) -> dict[str, int]:
    return {f"k{number:02d}": count for number in range(FLAGS)}


@pytest.mark.parametrize("arrives", [False, True], ids=["not sent", "answer lost"])
@pytest.mark.parametrize("transaction", [0, 1, 2])
def test_what_fails_part_way_is_counted_once_with_the_next_counts(
    store: DynamoUsageStore, client: DynamoClient, transaction: int, arrives: bool
) -> None:
    with outage(transaction, arrives=arrives):
        store.add(counted(7))
        with pytest.raises(UnavailableError):
            store.add(counted(100))  # nothing of it is taken: whoever counted it keeps it
    assert len(marks(client)) == transaction + arrives
    store.add(counted(3))
    assert totals(store) == all_of(10)
    assert store.last_evaluated([("checkout", "k11")]) == {("checkout", "k11"): HOUR + 12.5}
    assert len(marks(client)) == 6


def test_a_store_that_is_closed_writes_what_is_left(store: DynamoUsageStore, client: DynamoClient) -> None:
    with outage(1, arrives=True):
        store.add(counted(7))
        store.close()
    assert len(marks(client)) == 2
    store.close()
    assert (totals(store), len(marks(client))) == (all_of(7), 3)
    store.close()
    assert (totals(store), len(marks(client))) == (all_of(7), 3)


def test_what_marks_a_transaction_as_done_expires(store: DynamoUsageStore, client: DynamoClient) -> None:
    store.add(counted(1))
    found = marks(client)
    assert len(found) == 3
    assert {int(item["ttl"]["N"]) for item in found} == {HOUR + usage.MARKED_SECONDS}
