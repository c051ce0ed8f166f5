"""The usage function on tables: what evaluation has logged becomes counts, and last uses of keys."""

import base64
import gzip
import json
import time
from typing import Any

import pytest

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.adapters.dynamodb.open import open_dynamodb_stores
from burgee.adapters.dynamodb.tables import TableNames
from burgee.entrypoints.lambdas.usage import CountUsage
from burgee.formats.usage_lines import key_use_lines
from burgee.testing.aws.emulators import ENVIRONMENT
from burgee.testing.sdk_key_store_contract import a_key_event, an_sdk_key

pytestmark = pytest.mark.aws


def of_log(*lines: str) -> dict[str, Any]:
    """What the subscription of a log sends."""
    events = [{"id": str(place), "timestamp": 0, "message": line} for place, line in enumerate(lines)]
    message = {"messageType": "DATA_MESSAGE", "logEvents": events}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()}}


def test_a_key_was_last_used_when_the_log_says_it_whatever_comes_late_or_twice(
    serial_moto: str, client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": serial_moto}.items():
        monkeypatch.setenv(name, value)
    keys = open_dynamodb_stores(TableNames(), time.time, adopt=False).sdk_keys
    keys.add_sdk_key(an_sdk_key("a1"), a_key_event(), most=9)
    keys.add_sdk_key(an_sdk_key("b2"), a_key_event(), most=9)
    usage = CountUsage({"BURGEE_STORE": "dynamodb"})
    first, late = of_log(*key_use_lines({"a1": 7.5, "forged": 9.0})), of_log(*key_use_lines({"a1": 6.0}))
    assert usage(first) == {"outcomes": 0, "keys": 2}
    usage(late)
    usage(first)
    assert [key.last_used_at for key in keys.sdk_keys()] == [7.5, None]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        '{"burgee":"usage"}',
        '{"burgee":"other","counts":[],"keys":{"a1":1}}',
        '{"keys":{"a1":1}}',
        "\\x00",
    ],
)
def test_any_other_line_changes_nothing(
    serial_moto: str, client: DynamoClient, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": serial_moto}.items():
        monkeypatch.setenv(name, value)
    assert CountUsage({"BURGEE_STORE": "dynamodb"})(of_log(line)) == {"outcomes": 0, "keys": 0}
