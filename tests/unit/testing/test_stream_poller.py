"""An event source mapping: batches, retries, bisection, partial failures, filters, dead letters."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from burgee.model.json import JsonValue
from burgee.testing.aws.deployment import matches
from burgee.testing.aws.runtime_api import Answered
from burgee.testing.aws.stream_poller import StreamPoller, as_event, sequence_number

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/burgee/stream/x"


class Streams:
    """A stream of one shard with `count` records, as boto3 shows it."""

    def __init__(self, count: int) -> None:
        self.records = [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "SequenceNumber": f"{number:03d}",
                    "ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC),
                    "Keys": {"pk": {"S": f"k{number}"}},
                },
            }
            for number in range(count)
        ]

    def describe_stream(self, **_: str) -> dict[str, Any]:
        return {"StreamDescription": {"Shards": [{"ShardId": "shard"}]}}

    def get_shard_iterator(self, **_: str) -> dict[str, Any]:
        return {"ShardIterator": "0"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:
        start = int(ShardIterator)
        page = self.records[start : start + Limit]
        return {"Records": page, "NextShardIterator": str(start + len(page))}


class Function:
    """Notes the batches that it gets; `answer` says what comes of each."""

    def __init__(self, answer: Callable[[list[str]], Answered]) -> None:
        self.batches: list[list[str]] = []
        self._answer = answer

    def invoke(self, event: JsonValue) -> Answered:
        assert isinstance(event, dict)
        assert isinstance(event["Records"], list)
        numbers = [sequence_number(record) for record in event["Records"] if isinstance(record, dict)]
        self.batches.append(numbers)
        return self._answer(numbers)


def fine(_: list[str]) -> Answered:
    return Answered(payload=None)


def failing_at(number: str) -> Callable[[list[str]], Answered]:
    failure: JsonValue = {"batchItemFailures": [{"itemIdentifier": number}]}
    return lambda numbers: Answered(payload=failure) if number in numbers else Answered(payload=None)


def crashing_with(number: str) -> Callable[[list[str]], Answered]:
    return lambda numbers: Answered(error="Unhandled" if number in numbers else "")


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (20, [10, 10])])
def test_records_come_in_order_and_in_batches(count: int, sizes: list[int]) -> None:
    function = Function(fine)
    assert StreamPoller(Streams(count), ARN, function, batch=10).drain() == count
    assert [len(batch) for batch in function.batches] == sizes
    assert [number for batch in function.batches for number in batch] == [
        f"{number:03d}" for number in range(count)
    ]


def test_what_was_handled_does_not_come_again() -> None:
    streams, function = Streams(3), Function(fine)
    poller = StreamPoller(streams, ARN, function)
    poller.drain()
    streams.records += Streams(4).records[3:]
    assert poller.drain() == 1
    assert function.batches[-1] == ["003"]


def test_a_partial_failure_comes_again_from_the_first_failed_record_on() -> None:
    function = Function(failing_at("002"))
    poller = StreamPoller(Streams(4), ARN, function, retries=2)
    poller.drain()
    assert function.batches == [["000", "001", "002", "003"], *[["002", "003"]] * 2]
    assert poller.given_up[0].sequence_numbers == ("002", "003")  # the good one behind it too


def test_a_crash_is_bisected_until_only_the_poison_is_given_up() -> None:
    function, letters = Function(crashing_with("005")), list[str]()
    poller = StreamPoller(Streams(8), ARN, function, retries=6, give_up=letters.append)
    poller.drain()
    assert [each.sequence_numbers for each in poller.given_up] == [("005",)]
    information = json.loads(letters[0])["DDBStreamBatchInfo"]
    assert (information["startSequenceNumber"], information["batchSize"]) == ("005", 1)
    assert "record" not in letters[0].lower() or "005" in letters[0]


def test_without_bisection_a_crash_gives_the_whole_batch_up() -> None:
    poller = StreamPoller(Streams(3), ARN, Function(crashing_with("001")), retries=2, bisect=False)
    poller.drain()
    assert poller.given_up[0].sequence_numbers == ("000", "001", "002")
    assert poller.invocations == 3  # the first attempt, and two retries


@pytest.mark.parametrize(
    "payload",
    [
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": "x"},
    ],
)
def test_an_identifier_that_is_none_fails_the_whole_batch(payload: JsonValue) -> None:
    poller = StreamPoller(
        Streams(2), ARN, Function(lambda _: Answered(payload=payload)), retries=0, bisect=False
    )
    poller.drain()
    assert poller.given_up[0].sequence_numbers == ("000", "001")


@pytest.mark.parametrize("payload", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_no_failures_are_a_success(payload: JsonValue) -> None:
    poller = StreamPoller(Streams(2), ARN, Function(lambda _: Answered(payload=payload)), retries=0)
    poller.drain()
    assert poller.given_up == []


def test_where_failures_are_not_reported_they_are_ignored() -> None:
    poller = StreamPoller(Streams(2), ARN, Function(failing_at("000")), retries=0, reports_failures=False)
    poller.drain()
    assert poller.given_up == []


def test_what_the_filter_refuses_is_not_sent() -> None:
    function = Function(fine)
    pattern = {"dynamodb": {"Keys": {"pk": {"S": ["k1", {"prefix": "k2"}]}}}}
    StreamPoller(Streams(4), ARN, function, accepts=lambda record: matches(record, pattern)).drain()
    assert function.batches == [["001", "002"]]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "REMOVE"]}, False),
        ({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "k"}]}}}}, True),
        ({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "x"}]}}}}, False),
        ({"dynamodb": {"Keys": {"id": {"S": [{"prefix": ""}]}}}}, False),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": ["other"]}}}}, False),
    ],
)
def test_a_pattern_fits_where_all_of_it_does(pattern: dict[str, Any], fits: bool) -> None:
    record = {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "k1"}}}}
    assert matches(record, pattern) is fits  # type: ignore[arg-type]


def test_a_record_is_shown_as_lambda_shows_it() -> None:
    record = {
        "dynamodb": {
            "ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC),
            "NewImage": {"b": {"B": b"\x00\xff"}},
        }
    }
    assert as_event(record, ARN)["dynamodb"] == {
        "ApproximateCreationDateTime": 1_767_225_600,
        "NewImage": {"b": {"B": "AP8="}},
    }
