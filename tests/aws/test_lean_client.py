"""The small client answers as boto3's does, on the same emulator: items, bytes, errors, their reasons."""

import os
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
from burgee.adapters.aws.failures import AnsweredError, RefusedCallError, calling  # noqa: E402
from burgee.adapters.aws.lean_client import LeanClient, is_lean  # noqa: E402
from burgee.adapters.dynamodb.client import Cancelled, ConditionFailed, DynamoClient  # noqa: E402
from burgee.errors import UnavailableError  # noqa: E402
from burgee.testing.aws.emulators import black_hole, client_of, create_tables  # noqa: E402

pytestmark = pytest.mark.aws

ITEM = {
    "pk": {"S": "é"},
    "sk": {"S": "x"},
    "bytes": {"B": b"\x00\xff"},
    "many": {"L": [{"B": b"a"}, {"M": {"B": {"N": "1.5"}}}]},
}
KEY = {"pk": {"S": "é"}, "sk": {"S": "x"}}


@pytest.fixture(params=["lean", "boto3"])
def client(request: pytest.FixtureRequest, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    create_tables(moto_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    if request.param == "boto3":
        return client_of("dynamodb", moto_url)
    return LeanClient("dynamodb", seconds=5.0, attempts=2, environment=os.environ)


def test_an_item_comes_back_with_its_bytes(client: Any) -> None:
    client.put_item(TableName="burgee", Item=ITEM)
    assert client.get_item(TableName="burgee", Key=KEY)["Item"] == ITEM
    assert "Item" not in client.get_item(TableName="burgee", Key={**KEY, "sk": {"S": "y"}})


def test_a_condition_that_fails_is_one_for_both(client: Any) -> None:
    wrapped = DynamoClient(client, read_seconds=1.0, total_seconds=5.0)
    request: dict[str, Any] = {
        "TableName": "burgee",
        "Item": ITEM,
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    wrapped.call("put_item", **request)
    with pytest.raises(ConditionFailed):
        wrapped.call("put_item", **request)


def test_a_transaction_says_which_action_was_the_cause(client: Any) -> None:
    wrapped = DynamoClient(client, read_seconds=1.0, total_seconds=5.0)
    actions = [
        {"Put": {"TableName": "burgee", "Item": {**ITEM, "sk": {"S": "new"}}}},
        {
            "ConditionCheck": {
                "TableName": "burgee",
                "Key": KEY,
                "ConditionExpression": "attribute_exists(pk)",
            }
        },
    ]
    with pytest.raises(Cancelled) as raised:
        wrapped.call("transact_write_items", TransactItems=actions)
    assert raised.value.reasons[1] == "ConditionalCheckFailed"


def test_a_table_that_is_not_there_is_unavailable(client: Any) -> None:
    with pytest.raises(UnavailableError):
        DynamoClient(client, read_seconds=1.0, total_seconds=5.0).get("nothing", KEY)


def test_a_refusal_that_was_expected_is_named(client: Any) -> None:
    client.put_item(TableName="burgee", Item=ITEM)
    with pytest.raises(RefusedCallError) as raised, calling("it", "ConditionalCheckFailedException"):
        client.put_item(TableName="burgee", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")
    assert raised.value.is_certain


def test_an_error_of_ours_is_not_taken_for_one_of_the_service(client: Any) -> None:
    with pytest.raises(KeyError), calling("it"):
        raise KeyError("x")


def test_parameters_are_read_and_missing_ones_named(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    client_of("ssm", moto_url).put_parameter(Name="/a", Value="b", Type="SecureString")
    lean = LeanClient("ssm", seconds=5.0, attempts=1, environment=os.environ)
    assert lean.get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Value"] == "b"
    with pytest.raises(AnsweredError) as raised:
        lean.get_parameter(Name="/c", WithDecryption=True)
    assert raised.value.response["Error"]["Code"] == "ParameterNotFound"


def test_who_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        lean = LeanClient("dynamodb", seconds=0.2, attempts=2, environment=os.environ)
        with pytest.raises(UnavailableError):
            lean.get_item(TableName="burgee", Key=KEY)


@pytest.mark.parametrize(
    ("service", "environment", "lean"),
    [
        ("dynamodb", {"AWS_LAMBDA_RUNTIME_API": "x"}, True),
        ("ssm", {"AWS_LAMBDA_RUNTIME_API": "x"}, True),
        ("lambda", {"AWS_LAMBDA_RUNTIME_API": "x"}, False),
        ("dynamodb", {}, False),
    ],
)
def test_only_functions_use_it(service: str, environment: dict[str, str], lean: bool) -> None:
    assert is_lean(service, environment) is lean
