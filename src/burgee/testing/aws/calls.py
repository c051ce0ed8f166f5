"""From calls of AWS's interfaces to the IAM actions and resources that they need, and a recorder of them.

Usage: `Recorder().watch(client)` for each boto3 client; our own signed client hands its requests to
`Recorder.request`. Then `privileges.missing` and `privileges.unused` compare what was recorded with the role.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

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
_OBJECT_METHODS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


def needed(service: str, operation: str, arguments: Mapping[str, Any]) -> tuple[Call, ...]:
    """What one call needs, by boto3's names for service, operation and arguments.

    Raises KeyError for a service that it does not know: better than to call it covered.
    """
    return tuple(_NEEDS[service](operation, arguments))


class Recorder:
    """Remembers what was needed, once each."""

    def __init__(self) -> None:
        self.calls: set[Call] = set()

    def watch(self, client: Any) -> None:
        """Record every call of a boto3 client from now on."""
        service = client.meta.service_model.service_name

        def record(params: Mapping[str, Any], model: Any, **_: object) -> None:
            self.calls.update(needed(service, model.name, params))

        client.meta.events.register("before-parameter-build", record)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Record one signed request: to DynamoDB or SSM by its target, to S3 by its method and path."""
        target = {name.lower(): value for name, value in headers.items()}.get("x-amz-target", "")
        if target:
            product, operation = target.split(".", 1)
            service = {"DynamoDB_20120810": "dynamodb", "AmazonSSM": "ssm"}[product]
            self.calls.update(needed(service, operation, json.loads(body)))
            return
        bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
        self.calls.update(needed("s3", _OBJECT_METHODS[method], {"Bucket": bucket, "Key": key}))


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
