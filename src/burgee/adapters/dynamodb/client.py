"""The client: every call has a deadline, and every failure is one of four reactions."""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from burgee.adapters.aws.circuit import THROTTLED, Circuit
from burgee.adapters.aws.failures import is_botocore, response_of
from burgee.adapters.aws.lean_client import LeanClient, is_lean
from burgee.errors import LimitExceededError, UnavailableError

CONNECT_SECONDS = 0.5
READ_SECONDS = 1.0
TOTAL_SECONDS = 2.0
ATTEMPTS = 2

BATCH_GET = 100
BATCH_WRITE = 25

Item: TypeAlias = dict[str, dict[str, Any]]
"""An item as DynamoDB writes it: `{"id": {"S": "..."}}`."""

Value = TypeVar("Value")

_log = logging.getLogger("burgee.dynamodb")

_PASSING = {"InternalServerError", "InternalFailure", "ServiceUnavailable", "TransactionInProgressException"}


class ConditionFailed(Exception):
    """A condition of a single write does not hold."""


class Cancelled(Exception):
    """A transaction was not applied; `reasons` has a code for each action, "None" for the innocent."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(", ".join(self.reasons))


class _Passing(Exception):
    """A failure that the next attempt may not meet."""

    def __init__(self, error: UnavailableError) -> None:
        self.error = error
        super().__init__(str(error))


class DynamoClient:
    """A few operations of DynamoDB. Thread-safe.

    Each call ends within `total_seconds`: what fails quickly is tried again where that can still end in
    time. Raises UnavailableError for everything that is not the caller's doing; a write may then have been
    applied all the same. While `circuit` is open, that is at once.
    """

    def __init__(
        self, raw: Any, *, read_seconds: float, total_seconds: float, circuit: Circuit | None = None
    ) -> None:
        self.total_seconds = total_seconds
        self.circuit = circuit if circuit is not None else Circuit()
        self._raw = raw
        self._read_seconds = read_seconds

    def get(self, table: str, key: Item, *, consistent: bool = True) -> Item | None:
        """The item of that key."""
        answer = self.call("get_item", TableName=table, Key=key, ConsistentRead=consistent)
        return answer.get("Item")

    def get_many(self, keys: Iterable[tuple[str, Item]]) -> list[tuple[str, Item]]:
        """Each item that exists of (table, key), in no order; all of them, or an error (F11)."""
        found: list[tuple[str, Item]] = []
        for page in pages(unique(keys), BATCH_GET):
            wanted: dict[str, Any] = {}
            for table, key in page:
                wanted.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
            for request in self._until_done(wanted):
                answer = self.call("batch_get_item", RequestItems=request)
                found += [(table, item) for table, items in answer["Responses"].items() for item in items]
                wanted.clear()
                wanted.update(answer.get("UnprocessedKeys") or {})
        return found

    def write_many(self, requests: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """PutRequests and DeleteRequests of (table, request), until each is done (F11)."""
        for page in pages(requests, BATCH_WRITE):
            left: dict[str, Any] = {}
            for table, request in page:
                left.setdefault(table, []).append(request)
            for request in self._until_done(left):
                answer = self.call("batch_write_item", RequestItems=request)
                left.clear()
                left.update(answer.get("UnprocessedItems") or {})

    def query(
        self, table: str, condition: str, *, limit: int | None = None, **request: Any
    ) -> Iterator[Item]:
        """Every item of a Query, page by page, read consistently; `limit` is that of a page."""
        request |= {"TableName": table, "KeyConditionExpression": condition}
        request.setdefault("ConsistentRead", True)
        if limit is not None:
            request["Limit"] = limit
        yield from self._paged("query", request)

    def scan(self, table: str, **request: Any) -> Iterator[Item]:
        """Every item of a Scan, page by page."""
        yield from self._paged("scan", request | {"TableName": table})

    def scan_pages(
        self, table: str, *, after: Item | None, **request: Any
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """The pages of a Scan, each with the key after which the next begins; None with the last."""
        while True:
            if after:
                request["ExclusiveStartKey"] = after
            answer = self.call("scan", **(request | {"TableName": table}))
            after = answer.get("LastEvaluatedKey")
            yield answer["Items"], after
            if not after:
                return

    def call(self, operation: str, *, until: float | None = None, **request: Any) -> dict[str, Any]:
        """One operation, by its name in boto3, before the moment `until` of the monotonic clock."""
        started = time.monotonic()
        latest = started + self.total_seconds if until is None else until
        for attempt in range(1, ATTEMPTS + 1):
            if time.monotonic() >= latest:
                break
            try:
                answer: dict[str, Any] = self._attempt(operation, request)
            except _Passing as failure:
                pause = random.uniform(0.01, 0.05) * attempt  # noqa: S311
                # An attempt that might outlast the deadline is not begun.
                is_late = time.monotonic() + pause + self._read_seconds > latest
                if attempt == ATTEMPTS or is_late or self.circuit.is_open:
                    raise failure.error from failure.__cause__
                time.sleep(pause)
            else:
                return answer
        raise UnavailableError("DynamoDB did not answer in time")

    def close(self) -> None:
        """Close the connections."""
        self._raw.close()

    def _paged(self, operation: str, request: dict[str, Any]) -> Iterator[Item]:
        while True:
            answer = self.call(operation, **request)
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _until_done(self, left: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What is left, again and again with growing pauses; progress puts the deadline off."""
        latest, pause, before = time.monotonic() + self.total_seconds, 0.01, _count(left)
        while left:
            yield dict(left)
            if not left:
                return
            if _count(left) < before:
                before, latest = _count(left), time.monotonic() + self.total_seconds
            if time.monotonic() + pause > latest:
                raise UnavailableError("DynamoDB leaves a part of a batch undone")
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(0.4, pause * 2)

    def _attempt(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with self.circuit.attempt():
                answer: dict[str, Any] = getattr(self._raw, operation)(**request)
        except UnavailableError as error:
            raise _Passing(error) from error
        except Exception as error:
            translated = _translated(error, operation)
            if translated is error:
                raise
            raise translated from error
        return answer


def dynamodb_client(
    *,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
    endpoint: str | None = None,
) -> DynamoClient:
    """A client with the credentials, the region and (unless `endpoint` is given) the endpoint around it.

    Raises UnavailableError where these do not make one.
    """
    circuit = Circuit(slow_seconds=0.9 * min(connect_seconds, read_seconds))
    if endpoint is None and is_lean("dynamodb"):
        lean = LeanClient("dynamodb", seconds=read_seconds, attempts=1)
        return DynamoClient(lean, read_seconds=read_seconds, total_seconds=total_seconds, circuit=circuit)
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=64,
        parameter_validation=False,
        tcp_keepalive=True,
    )
    try:
        raw = boto3.session.Session().client("dynamodb", config=config, endpoint_url=endpoint)
    except (BotoCoreError, ValueError) as error:
        raise UnavailableError(f"there is no client for DynamoDB: {error}") from error
    return DynamoClient(raw, read_seconds=read_seconds, total_seconds=total_seconds, circuit=circuit)


def pages(items: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """`items`, `size` at a time."""
    rest = iter(items)
    while page := list(islice(rest, size)):
        yield page


def unique(keys: Iterable[tuple[str, Item]]) -> list[tuple[str, Item]]:
    """Each (table, key) once: a batch that names one twice is refused."""
    return list(
        {
            (table, tuple(sorted((n, *v.items()) for n, v in key.items()))): (table, key)
            for table, key in keys
        }.values()
    )


def _count(batch: Mapping[str, Any]) -> int:
    return sum(len(each["Keys"] if isinstance(each, dict) else each) for each in batch.values())


def _translated(error: Exception, operation: str) -> Exception:
    """How to react to what a client has raised; what is none of its errors stays as it is."""
    response = response_of(error)
    if response is not None:
        return _reaction(response, operation)
    if not is_botocore(error):
        return error
    # Imported here: 100 ms that only those pay whose client it is.
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError

    if isinstance(error, HTTPClientError | NoConnectionError):
        return _Passing(UnavailableError(f"DynamoDB cannot be reached: {type(error).__name__}"))
    return UnavailableError(f"DynamoDB cannot be called: {error}")


def _reaction(response: Mapping[str, Any], operation: str) -> Exception:
    code, message = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))
    if code == "ConditionalCheckFailedException":
        return ConditionFailed()
    if code == "TransactionCanceledException":
        reasons = [str(reason.get("Code", "None")) for reason in response.get("CancellationReasons", ())]
        if not reasons and "[" in message:
            reasons = [each.strip() for each in message[message.rindex("[") + 1 :].rstrip("]").split(",")]
        return _size_error(message) or Cancelled(reasons)
    if code == "TransactionConflictException":
        return _Passing(UnavailableError("another transaction is under way", retry_after=1.0))
    if code in THROTTLED:
        return _Passing(UnavailableError(f"DynamoDB throttles: {code}", retry_after=1.0))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _PASSING or status >= 500:
        return _Passing(UnavailableError(f"DynamoDB failed: {code}"))
    if code == "ValidationException":
        return _size_error(message) or ValueError(f"{operation}: {message}")
    _log.error("dynamodb.refused", extra={"operation": operation, "code": code})
    return UnavailableError(f"DynamoDB refuses {operation}: {code}", retry_after=5.0)


def _size_error(message: str) -> LimitExceededError | None:
    if "size" not in message.lower() or "exceed" not in message.lower():
        return None
    return LimitExceededError("", "too-large", f"an item is larger than DynamoDB takes: {message}")
