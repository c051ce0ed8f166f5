"""An event source mapping: reads a DynamoDB stream and invokes a function, as Lambda's pollers do.

Batches in order, retries, bisection, partial failures by `ReportBatchItemFailures`, and a message to a queue
for what was given up. Time is taken out: a retry comes at once.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from burgee.model.json import JsonObject, JsonValue
from burgee.testing.aws.api_front import Invoked
from burgee.testing.aws.lambda_function import ThrottledError
from burgee.testing.aws.runtime_api import Answered

Record = dict[str, JsonValue]


class GivenUp(msgspec.Struct, frozen=True):
    """Records that were given up: their sequence numbers, and how often they were tried."""

    sequence_numbers: tuple[str, ...]
    attempts: int
    condition: str


class StreamPoller:
    """Polls the stream `arn` through `streams`, a boto3 client of DynamoDB Streams, from its beginning.

    `accepts` is the filter criteria. `give_up` gets what was given up, as the body of the message that Lambda
    sends to the on-failure destination. `retries` counts what follows the first attempt.
    """

    def __init__(
        self,
        streams: Any,
        arn: str,
        function: Invoked,
        *,
        batch: int = 100,
        retries: int = 3,
        bisect: bool = True,
        reports_failures: bool = True,
        accepts: Callable[[Record], bool] = lambda _: True,
        give_up: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.given_up: list[GivenUp] = []
        self.invocations = 0
        self._streams, self._arn, self._function = streams, arn, function
        self._batch, self._retries, self._bisect = batch, retries, bisect
        self._reports_failures, self._accepts, self._give_up = reports_failures, accepts, give_up
        self._iterators: dict[str, str] = {}

    def drain(self) -> int:
        """Handle everything that is in the stream now; how many records that were."""
        handled = 0
        while True:
            found = self.poll()
            handled += found
            if not found:
                return handled

    def poll(self) -> int:
        """Read each shard once and handle what is there; how many records were read."""
        count = 0
        for shard in self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]:
            name = shard["ShardId"]
            if name not in self._iterators:
                found = self._streams.get_shard_iterator(
                    StreamArn=self._arn, ShardId=name, ShardIteratorType="TRIM_HORIZON"
                )
                self._iterators[name] = found["ShardIterator"]
            page = self._streams.get_records(ShardIterator=self._iterators[name], Limit=1000)
            if page.get("NextShardIterator"):
                self._iterators[name] = page["NextShardIterator"]
            records = [as_event(record, self._arn) for record in page["Records"]]
            count += len(records)
            wanted = [record for record in records if self._accepts(record)]
            for start in range(0, len(wanted), self._batch):
                self._handle(name, wanted[start : start + self._batch], attempts=0)
        return count

    def _handle(self, shard: str, records: Sequence[Record], *, attempts: int) -> None:
        """Invoke the function until `records` are done or given up."""
        while records:
            failed_at = self._invoke(records)
            if failed_at is None:
                return
            if failed_at > 0:  # progress: a new beginning for what is left
                records, attempts = records[failed_at:], 0
            attempts += 1
            if attempts > self._retries:
                self._bury(shard, records, attempts)
                return
            if self._bisect and failed_at == -1 and len(records) > 1:
                middle = len(records) // 2
                self._handle(shard, records[:middle], attempts=attempts)
                self._handle(shard, records[middle:], attempts=attempts)
                return

    def _invoke(self, records: Sequence[Record]) -> int | None:
        """None where all went well; -1 where the invocation failed, else the place of the first failure."""
        self.invocations += 1
        try:
            answered = self._function.invoke({"Records": [*records]})
        except ThrottledError:
            return -1
        if answered.is_error:
            return -1
        return self._first_failure(answered, records) if self._reports_failures else None

    @staticmethod
    def _first_failure(answered: Answered, records: Sequence[Record]) -> int | None:
        payload = answered.payload
        if payload is None or (isinstance(payload, dict) and not payload.get("batchItemFailures")):
            return None
        if not isinstance(payload, dict) or not isinstance(payload["batchItemFailures"], list):
            return -1
        numbers = [sequence_number(record) for record in records]
        places = []
        for failure in payload["batchItemFailures"]:
            name = failure.get("itemIdentifier") if isinstance(failure, dict) else None
            if name not in numbers:  # an identifier that is none fails the whole batch
                return -1
            places.append(numbers.index(str(name)))
        return min(places)

    def _bury(self, shard: str, records: Sequence[Record], attempts: int) -> None:
        numbers = tuple(sequence_number(record) for record in records)
        self.given_up.append(GivenUp(numbers, attempts, "RetryAttemptsExhausted"))
        self._give_up(
            json.dumps(
                {
                    "requestContext": {
                        "condition": "RetryAttemptsExhausted",
                        "approximateInvokeCount": attempts,
                    },
                    "version": "1.0",
                    "timestamp": datetime.now(UTC).isoformat(),
                    "DDBStreamBatchInfo": {
                        "shardId": shard,
                        "startSequenceNumber": numbers[0],
                        "endSequenceNumber": numbers[-1],
                        "batchSize": len(records),
                        "streamArn": self._arn,
                    },
                }
            )
        )


def as_event(record: Mapping[str, Any], arn: str) -> Record:
    """A record of the Streams API as it stands in an event: times as numbers, bytes as base64."""
    plain = {**record, "eventSourceARN": arn}
    shown: Record = json.loads(json.dumps(plain, default=_shown))
    return shown


def sequence_number(record: Mapping[str, JsonValue]) -> str:
    """The sequence number of a record."""
    change = record["dynamodb"]
    assert isinstance(change, dict)
    return str(change["SequenceNumber"])


def new_image(record: Mapping[str, JsonValue]) -> JsonObject:
    """The item after the change, {} where it is gone."""
    change = record["dynamodb"]
    assert isinstance(change, dict)
    image = change.get("NewImage", {})
    return image if isinstance(image, dict) else {}


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is nothing of a stream record")
