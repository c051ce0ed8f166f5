"""Access times in DynamoDB: the contract on both emulators; no flag is written to, none comes back."""

import pytest

from burgee.adapters.dynamodb.access_times import DynamoAccessTimes
from burgee.errors import UnavailableError
from burgee.ports import AccessTimes
from burgee.testing.access_times_contract import AccessTimesContract
from burgee.testing.aws.emulators import create_tables

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.aws


class TestOnDynalite(AccessTimesContract):
    @pytest.fixture(autouse=True)
    def _table(self, dynalite_url: str) -> None:
        self.client = create_tables(dynalite_url, "burgee")

    def make_times(self) -> AccessTimes:
        return DynamoAccessTimes(self.client, "burgee")


class TestOnMoto(AccessTimesContract):
    @pytest.fixture(autouse=True)
    def _table(self, moto_url: str) -> None:
        self.client = create_tables(moto_url, "burgee")

    def make_times(self) -> AccessTimes:
        return DynamoAccessTimes(self.client, "burgee")


def test_a_note_touches_no_flag_and_brings_none_back(moto_url: str) -> None:
    client = create_tables(moto_url, "burgee", "featureFlag")
    flag = {"id": {"S": "a"}, "status": {"S": "ENABLED"}}
    client.put_item(TableName="featureFlag", Item=flag)
    times = DynamoAccessTimes(client, "burgee")
    times.note({"a": 1.0})
    assert client.scan(TableName="featureFlag")["Items"] == [flag]
    client.delete_item(TableName="featureFlag", Key={"id": {"S": "a"}})
    times.note({"a": 2.0})
    assert client.scan(TableName="featureFlag")["Items"] == []


def test_a_table_that_is_not_there_is_unavailable(moto_url: str) -> None:
    times = DynamoAccessTimes(create_tables(moto_url, "burgee"), "elsewhere")
    with pytest.raises(UnavailableError, match="ResourceNotFound"):
        times.note({"a": 1.0})
    with pytest.raises(UnavailableError, match="ResourceNotFound"):
        times.last("a")
