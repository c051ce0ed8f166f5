"""From calls of AWS's interfaces to the IAM actions and resources that they need, and a recorder of them.

Usage: `Recorder().watch(client)` for a boto3 client, or an emulator that hands each request to
`Recorder.request` (`recording_moto`), where every function signs with an access key that is its name. Then
`privileges.missing` and `privileges.unused` compare what was recorded with the role.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from burgee.testing.aws.privileges import Call
from burgee.testing.aws.template import ACCOUNT, REGION

_TRANSACTION_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_OBJECT_ACTIONS = {"HeadObject": "GetObject", "CopyObject": "PutObject"}
_BUCKET_ACTIONS = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket"}
_BUCKET_METHODS = {"GET": "ListBucket", "HEAD": "ListBucket"}
_FUNCTION_METHODS = {
    ("POST", "invocations"): "Invoke",
    ("GET", "concurrency"): "GetFunctionConcurrency",
    ("PUT", "concurrency"): "PutFunctionConcurrency",
    ("DELETE", "concurrency"): "DeleteFunctionConcurrency",
}
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_OBJECT_METHODS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


def needed(service: str, operation: str, arguments: Mapping[str, Any]) -> tuple[Call, ...]:
    """What one call needs, by boto3's names for service, operation and arguments.

    Raises KeyError for a service that it does not know: better than to call it covered.
    """
    return tuple(_NEEDS[service](operation, arguments))


class Recorder:
    """Remembers what was needed, once each, by the key that signed; `ignored` keys are passed over."""

    def __init__(self, *, ignored: Collection[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self.by_key: dict[str, set[Call]] = {}

    @property
    def calls(self) -> set[Call]:
        """What anybody needed."""
        return set().union(*self.by_key.values())

    def watch(self, client: Any, *, key: str = "") -> None:
        """Record every call of a boto3 client from now on, as calls of `key`."""
        service = client.meta.service_model.service_name

        def record(params: Mapping[str, Any], model: Any, **_: object) -> None:
            self._add(key, needed(service, model.name, params))

        client.meta.events.register("before-parameter-build", record)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Record one signed request, whichever client made it.

        The signature says the service and the access key. Raises KeyError for what it does not know.
        """
        fields = {name.lower(): value for name, value in headers.items()}
        scope = _SCOPE.search(fields.get("authorization", ""))
        if scope is None or scope["key"] in self._ignored:
            return
        operation, arguments = _read_request(scope["service"], method, url, fields, body)
        self._add(scope["key"], needed(scope["service"], operation, arguments))

    def _add(self, key: str, calls: Iterable[Call]) -> None:
        self.by_key.setdefault(key, set()).update(calls)


def _read_request(
    service: str, method: str, url: str, fields: Mapping[str, str], body: bytes
) -> tuple[str, Mapping[str, Any]]:
    """The operation and the arguments of a request on the wire, as far as ARNs depend on them."""
    path = unquote(urlsplit(url).path)
    if "x-amz-target" in fields:
        return fields["x-amz-target"].rpartition(".")[2], json.loads(body)
    if service == "s3":
        bucket, _, key = path.lstrip("/").partition("/")
        if not key:
            return _BUCKET_METHODS[method], {"Bucket": bucket}
        return _OBJECT_METHODS[method], {"Bucket": bucket, "Key": key}
    if service == "lambda":
        _, _, name, what = path.strip("/").split("/")
        return _FUNCTION_METHODS[method, what], {"FunctionName": name}
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return form["Action"], form


def _dynamodb(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    match operation:
        case "TransactWriteItems" | "TransactGetItems":
            for item in arguments["TransactItems"]:
                for kind, each in item.items():
                    yield _on_table(_TRANSACTION_ACTIONS[kind], each["TableName"])
        case "BatchGetItem" | "BatchWriteItem":
            for table in arguments["RequestItems"]:
                yield _on_table(operation, table)
        case _:
            arn = _on_table(operation, arguments["TableName"])
            index = arguments.get("IndexName")
            yield Call(arn.action, f"{arn.arn}/index/{index}") if index else arn


def _on_table(operation: str, table: str) -> Call:
    arn = table if table.startswith("arn:") else f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    return Call(f"dynamodb:{operation}", arn)


def _s3(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    bucket = f"arn:aws:s3:::{arguments['Bucket']}"
    if "Key" in arguments:
        yield Call(f"s3:{_OBJECT_ACTIONS.get(operation, operation)}", f"{bucket}/{arguments['Key']}")
    else:
        yield Call(f"s3:{_BUCKET_ACTIONS.get(operation, operation)}", bucket)


def _ssm(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    names = arguments["Names"] if "Names" in arguments else [arguments.get("Name", arguments.get("Path", ""))]
    for name in names:
        parameter = name.strip("/")
        yield Call(f"ssm:{operation}", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{parameter}")


def _lambda(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    action = "InvokeFunction" if operation == "Invoke" else operation
    name = arguments["FunctionName"].rsplit(":", 1)[-1]
    yield Call(f"lambda:{action}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")


def _sns(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    action = "Publish" if operation == "PublishBatch" else operation
    yield Call(f"sns:{action}", arguments["TopicArn"])


def _sqs(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    action = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}.get(
        operation, operation
    )
    name = arguments["QueueUrl"].rsplit("/", 1)[-1]
    yield Call(f"sqs:{action}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")


def _firehose(operation: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
    stream = arguments["DeliveryStreamName"]
    yield Call(f"firehose:{operation}", f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{stream}")


_NEEDS = {
    "dynamodb": _dynamodb,
    "firehose": _firehose,
    "lambda": _lambda,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
}
