"""The serial moto: transactions are all or nothing, and the stream shows what AWS would."""

from collections.abc import Iterator
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402

from burgee.testing.aws.deployment import running_serial_moto  # noqa: E402
from burgee.testing.aws.emulators import client_of  # noqa: E402
from burgee.testing.aws.stack import create_table  # noqa: E402

pytestmark = pytest.mark.aws

SHAPE = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}


class Table:
    """A table with a stream."""

    def __init__(self, url: str) -> None:
        self.client, self.streams = client_of("dynamodb", url), client_of("dynamodbstreams", url)
        self.arn = create_table(self.client, "table", SHAPE)

    def put(self, key: str, value: str = "x") -> dict[str, Any]:
        return {"Put": {"TableName": "table", "Item": {"pk": {"S": key}, "value": {"S": value}}}}

    def value(self, key: str) -> str | None:
        item = self.client.get_item(TableName="table", Key={"pk": {"S": key}}).get("Item")
        return item["value"]["S"] if item else None

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        shard = self.streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"][0]["ShardId"]
        start = self.streams.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = self.streams.get_records(ShardIterator=start)["Records"]
        return [(each["eventName"], each["dynamodb"].get("NewImage", {})) for each in found]


@pytest.fixture
def table() -> Iterator[Table]:
    with running_serial_moto() as url:
        yield Table(url)


def test_a_transaction_that_holds_is_written_whole(table: Table) -> None:
    table.client.transact_write_items(TransactItems=[table.put("a"), table.put("b")])
    assert (table.value("a"), table.value("b"), len(table.records())) == ("x", "x", 2)


def test_a_transaction_that_fails_leaves_nothing_behind_not_even_in_the_stream(table: Table) -> None:
    table.client.transact_write_items(TransactItems=[table.put("a", "before")])
    condition = {
        "TableName": "table",
        "Key": {"pk": {"S": "none"}},
        "ConditionExpression": "attribute_exists(pk)",
    }
    update = {
        "TableName": "table",
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "SET #v = :v",
        "ExpressionAttributeNames": {"#v": "value"},
        "ExpressionAttributeValues": {":v": {"S": "after"}},
    }
    actions = [table.put("new"), {"Update": update}, {"ConditionCheck": condition}]
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.client.transact_write_items(TransactItems=actions)
    assert (table.value("a"), table.value("new"), len(table.records())) == ("before", None, 1)


def test_an_update_that_creates_its_item_is_one_insert_with_all_of_it(table: Table) -> None:
    for value in ("one", "two"):
        table.client.update_item(
            TableName="table",
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET #v = :v",
            ExpressionAttributeNames={"#v": "value"},
            ExpressionAttributeValues={":v": {"S": value}},
        )
    assert [(name, image["value"]["S"]) for name, image in table.records()] == [
        ("INSERT", "one"),
        ("MODIFY", "two"),
    ]
