"""Builds on an emulator what the template describes: tables, buckets, queues, topics and parameters.

The template is read as it is. SAM translates functions and the API; it leaves these resources alone, which
tests/infra checks on the translated template.
"""

from collections.abc import Callable
from typing import Any, Protocol

from burgee.testing.aws.template import ACCOUNT, REGION, Template

_BUILT_IN_ORDER = (
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::SNS::Subscription",
    "AWS::SSM::Parameter",
    "AWS::Logs::LogGroup",
    "AWS::KinesisFirehose::DeliveryStream",
)
_TABLE_ARGUMENTS = (
    "TableName",
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
)

Clients = Callable[[str], Any]
"""From a service's name to a boto3 client for the emulator."""


class _Build(Protocol):
    def __call__(self, clients: Clients, name: str, properties: dict[str, Any], /) -> None: ...


def create_stack(
    template: Template, clients: Clients, *, kinds: tuple[str, ...] = _BUILT_IN_ORDER
) -> dict[str, str]:
    """Create every resource of these types; the real stream ARNs by table name, where streams are on.

    `kinds` leaves out what an emulator does not know: dynalite has tables only, and no streams.
    """
    streams: dict[str, str] = {}
    for kind in kinds:
        for logical in template.of_type(kind):
            name, properties = template.name(logical), template.properties(logical)
            if kind == "AWS::DynamoDB::Table":
                arn = create_table(clients("dynamodb"), name, properties)
                if arn:
                    streams[name] = arn
            else:
                _BUILDERS[kind](clients, name, properties)
    return streams


def create_table(dynamodb: Any, name: str, properties: dict[str, Any], *, is_bare: bool = False) -> str:
    """Create one table; the ARN of its stream, or "". `is_bare` leaves out what dynalite does not know."""
    arguments = {key: properties[key] for key in _TABLE_ARGUMENTS if key in properties} | {"TableName": name}
    if is_bare:
        dynamodb.create_table(**arguments)
        return ""
    stream = properties.get("StreamSpecification")
    if stream:
        arguments["StreamSpecification"] = {"StreamEnabled": True, **stream}
    encryption = properties.get("SSESpecification")
    if encryption:
        arguments["SSESpecification"] = {"Enabled": encryption["SSEEnabled"]}
    made = dynamodb.create_table(**arguments)["TableDescription"]
    if "TimeToLiveSpecification" in properties:
        expiry = properties["TimeToLiveSpecification"]
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    return str(made.get("LatestStreamArn", ""))


def _bucket(clients: Clients, name: str, properties: dict[str, Any]) -> None:
    s3 = clients("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in properties:
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )


def _queue(clients: Clients, name: str, properties: dict[str, Any]) -> None:
    known = (
        "MessageRetentionPeriod",
        "VisibilityTimeout",
        "SqsManagedSseEnabled",
        "ReceiveMessageWaitTimeSeconds",
    )
    attributes = {key: str(properties[key]).lower() for key in known if key in properties}
    clients("sqs").create_queue(QueueName=name, Attributes=attributes)


def _topic(clients: Clients, name: str, _: dict[str, Any]) -> None:
    clients("sns").create_topic(Name=name)


def _subscription(clients: Clients, _: str, properties: dict[str, Any]) -> None:
    clients("sns").subscribe(
        TopicArn=properties["TopicArn"], Protocol=properties["Protocol"], Endpoint=properties["Endpoint"]
    )


def _parameter(clients: Clients, name: str, properties: dict[str, Any]) -> None:
    clients("ssm").put_parameter(
        Name=name, Type=properties["Type"], Value=properties["Value"], Overwrite=True
    )


def _log_group(clients: Clients, name: str, properties: dict[str, Any]) -> None:
    logs = clients("logs")
    logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))


def _delivery_stream(clients: Clients, name: str, properties: dict[str, Any]) -> None:
    destination = properties["ExtendedS3DestinationConfiguration"]
    clients("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType=properties["DeliveryStreamType"],
        ExtendedS3DestinationConfiguration={
            "BucketARN": destination["BucketARN"],
            "RoleARN": destination["RoleARN"],
            "Prefix": destination["Prefix"],
        },
    )


_BUILDERS: dict[str, _Build] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SSM::Parameter": _parameter,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::KinesisFirehose::DeliveryStream": _delivery_stream,
}


def queue_url(endpoint: str, name: str) -> str:
    """Where an emulator at `endpoint` has a queue."""
    return f"{endpoint}/{ACCOUNT}/{name}"
