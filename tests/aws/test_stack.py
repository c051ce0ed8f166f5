"""What the template describes can be built on moto, and its names are those of the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
from burgee.testing.aws.emulators import running_moto  # noqa: E402
from burgee.testing.aws.stack import create_stack, queue_url  # noqa: E402
from burgee.testing.aws.template import REGION, Template, read_template  # noqa: E402

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_moto() as url:  # a process of its own: in this one, other tests' tables would be there too
        yield url


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template()


@pytest.fixture(scope="module")
def client(endpoint: str) -> Any:
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(
                service,
                endpoint_url=endpoint,
                region_name=REGION,
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
        return made[service]

    return client


@pytest.fixture(scope="module")
def streams(template: Template, client: Any) -> dict[str, str]:
    return create_stack(template, client)


def test_every_table_is_there_with_its_keys(template: Template, client: Any, streams: dict[str, str]) -> None:
    for logical in template.of_type("AWS::DynamoDB::Table"):
        described = client("dynamodb").describe_table(TableName=template.name(logical))["Table"]
        assert described["KeySchema"] == template.properties(logical)["KeySchema"]
        assert described["TableArn"] == template.arn(logical)


def test_streams_are_on_where_the_template_says_so(
    template: Template, client: Any, streams: dict[str, str]
) -> None:
    assert set(streams) == {"featureFlag", "featureFlagUserMapping", "burgee"}
    for name, arn in streams.items():
        description = client("dynamodbstreams").describe_stream(StreamArn=arn)["StreamDescription"]
        assert (description["TableName"], description["StreamViewType"]) == (name, "NEW_AND_OLD_IMAGES")


def test_items_that_expire_are_marked_by_the_attribute_of_the_template(
    client: Any, streams: dict[str, str]
) -> None:
    said = client("dynamodb").describe_time_to_live(TableName="burgee")["TimeToLiveDescription"]
    assert (said["TimeToLiveStatus"], said["AttributeName"]) == ("ENABLED", "ttl")


def test_buckets_have_the_names_that_functions_are_told(
    template: Template, client: Any, streams: dict[str, str]
) -> None:
    buckets = {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}
    assert template.environment("EvaluateFunction")["BURGEE_SNAPSHOT_BUCKET"] in buckets
    assert buckets == {template.name(each) for each in template.of_type("AWS::S3::Bucket")}


def test_parameters_queues_topics_and_streams_of_lines_are_there(
    template: Template, client: Any, endpoint: str, streams: dict[str, str]
) -> None:
    parameter = client("ssm").get_parameter(Name="/burgee/test/allow-flag-deletion")["Parameter"]
    assert parameter["Value"] == "false"
    for logical in template.of_type("AWS::SQS::Queue"):
        attributes = client("sqs").get_queue_attributes(
            QueueUrl=queue_url(endpoint, template.name(logical)), AttributeNames=["QueueArn"]
        )
        assert attributes["Attributes"]["QueueArn"] == template.arn(logical)
    topics = {topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]}
    assert topics == {template.arn(each) for each in template.of_type("AWS::SNS::Topic")}
    delivery = client("firehose").describe_delivery_stream(DeliveryStreamName=template.name("AuditStream"))
    destination = delivery["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["BucketARN"] == template.arn("AuditBucket")
