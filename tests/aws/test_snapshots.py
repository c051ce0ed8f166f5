"""Snapshots on emulators: from a publish in DynamoDB over S3 and SNS to an answer of the function."""

import json
import random
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.aws.dynamodb_calls import open_dynamodb  # noqa: E402
from burgee.adapters.aws.dynamodb_snapshots import PART_BYTES, DynamoObjects  # noqa: E402
from burgee.adapters.aws.s3_snapshots import open_s3  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames, table_requests  # noqa: E402
from burgee.bootstrap import open_application  # noqa: E402
from burgee.entrypoints.lambdas.evaluate import Evaluation  # noqa: E402
from burgee.entrypoints.lambdas.publish_snapshot import Publishing, open_publishing  # noqa: E402
from burgee.errors import NotFoundError, VersionConflictError  # noqa: E402
from burgee.formats.snapshot import decode, encode  # noqa: E402
from burgee.model.budget import BudgetScope  # noqa: E402
from burgee.model.flag import FlagStatus  # noqa: E402
from burgee.model.sdk_key import SdkKind  # noqa: E402
from burgee.ports.snapshots import SnapshotObjects  # noqa: E402
from burgee.service.drafts import FlagDraft  # noqa: E402
from burgee.service.intent import Author  # noqa: E402
from burgee.service.overrides import OverrideDraft  # noqa: E402
from burgee.service.sdk_keys import SdkKeyDraft  # noqa: E402
from burgee.service.services import Services  # noqa: E402
from burgee.service.snapshot_following import WHOLE_SECONDS  # noqa: E402
from burgee.settings import Settings  # noqa: E402
from burgee.testing.aws.dynamodb_stores import emptied, running_serial_moto  # noqa: E402
from burgee.testing.aws.emulators import ENVIRONMENT, client_of  # noqa: E402
from burgee.testing.aws.memory_table import MemoryTable  # noqa: E402
from burgee.testing.aws.stub_service import S3Stub, stub_service  # noqa: E402
from burgee.testing.snapshot_objects import MemoryObjects  # noqa: E402

pytestmark = pytest.mark.aws

BUCKET = "flags-bucket"
AUTHOR = Author(subject="tester")
STREAMED = ("featureFlag", "featureFlagUserMapping", "burgee")


@pytest.fixture(scope="module")
def serial_moto_server() -> Iterator[str]:
    pytest.importorskip("moto")
    with running_serial_moto() as url:
        yield url


@pytest.fixture
def url(serial_moto_server: str) -> str:
    """An empty moto with the tables, the bucket and the topic in it."""
    found = emptied(serial_moto_server)
    dynamodb = client_of("dynamodb", found)
    for request in table_requests(TableNames()):
        dynamodb.create_table(**request)
    region = {"LocationConstraint": ENVIRONMENT["AWS_DEFAULT_REGION"]}
    client_of("s3", found).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
    return found


@pytest.fixture
def environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    topic = client_of("sns", url).create_topic(Name="snapshots")["TopicArn"]
    found = {
        **ENVIRONMENT,
        "AWS_ENDPOINT_URL": url,
        "BURGEE_STORE": "dynamodb",
        "BURGEE_SNAPSHOT_BUCKET": BUCKET,
        "BURGEE_SNAPSHOT_TOPIC_ARN": topic,
        "TMPDIR": str(tmp_path),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


class Streams:
    """The records of all streams since the last look, in order, each stream for itself."""

    def __init__(self, url: str) -> None:
        self._client = client_of("dynamodbstreams", url)
        self._seen: set[str] = set()

    def batches(self) -> list[list[dict[str, Any]]]:
        found = []
        for name in STREAMED:
            for stream in self._client.list_streams(TableName=name)["Streams"]:
                arn = stream["StreamArn"]
                shard = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]
                iterator = self._client.get_shard_iterator(
                    StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
                records = self._client.get_records(ShardIterator=iterator)["Records"]
                fresh = [each for each in records if each["eventID"] not in self._seen]
                self._seen.update(each["eventID"] for each in fresh)
                found.append(fresh)
        return [each for each in found if each]


class Site:
    """The management application, the publisher behind its streams, and evaluation sandboxes."""

    def __init__(self, services: Services, environment: dict[str, str]) -> None:
        self.services, self.environment = services, environment
        self.publishing: Publishing = open_publishing(environment)
        self.streams = Streams(environment["AWS_ENDPOINT_URL"])
        self.key = services.sdk_keys.create(SdkKeyDraft(name="test", kind=SdkKind.SERVER), author=AUTHOR)[1]
        self.now = 1_700_000_000.0
        self.sandbox: Evaluation | None = None

    def put(self, key: str, default: str = "on") -> None:
        draft = FlagDraft(name=key, variants={"on": True, "off": False}, default_variant=default)
        self.services.publisher.put_flag("default", key, draft, author=AUTHOR)

    def deliver(self) -> list[str]:
        """Hand every new record to the publisher; what it reports as failed."""
        failed = []
        for records in self.streams.batches():
            answer = self.publishing.handle({"Records": records})
            failed += [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        return failed

    def evaluate(self, key: str, subject: str = "bob") -> Any:
        if self.sandbox is None:
            self.sandbox = Evaluation(self.environment, clock=lambda: self.now)
        self.now += 5
        event = {
            "rawPath": f"/ofrep/v1/evaluate/flags/{key}",
            "headers": {"authorization": f"Bearer {self.key}"},
            "requestContext": {"http": {"method": "POST"}},
            "body": json.dumps({"context": {"targetingKey": subject}}),
        }
        answer = self.sandbox.handle(event)
        return json.loads(answer["body"]) | {"status": answer["statusCode"]}


@pytest.fixture
def site(environment: dict[str, str]) -> Iterator[Site]:
    with open_application(Settings.from_mapping(environment)) as services:
        yield Site(services, environment)


@pytest.mark.parametrize("source", ["s3", "dynamodb"])
def test_a_change_goes_from_the_store_to_an_answer(environment: dict[str, str], source: str) -> None:
    environment["BURGEE_SNAPSHOT_SOURCE"] = source
    with open_application(Settings.from_mapping({**environment, "BURGEE_SNAPSHOT_SOURCE": ""})) as services:
        site = Site(services, environment)
        site.put("dark-mode")
        assert site.deliver() == []
        assert site.evaluate("dark-mode")["value"] is True
        site.put("dark-mode", "off")
        site.put("other")
        site.deliver()
        assert site.evaluate("dark-mode")["value"] is False
        assert site.evaluate("other")["value"] is True
        override = OverrideDraft(flag_key="dark-mode", targeting_key="ada", status=FlagStatus.ENABLED)
        services.overrides.put(override, author=AUTHOR)
        site.deliver()
        assert site.evaluate("dark-mode", "ada")["metadata"]["override"] is True
        assert site.evaluate("dark-mode", "bob")["value"] is False


def test_a_key_that_is_revoked_and_a_stop_arrive_by_the_same_way(site: Site) -> None:
    site.put("a")
    site.deliver()
    assert site.evaluate("a")["status"] == 200
    site.services.budget.force(BudgetScope.ALL, author=AUTHOR)
    site.deliver()
    assert site.evaluate("a")["status"] == 429
    site.services.budget.reset(100, author=AUTHOR)
    site.services.sdk_keys.revoke(site.key[4:20], author=AUTHOR)
    site.deliver()
    assert site.evaluate("a")["status"] == 401


def test_what_a_source_service_writes_is_taken_over(site: Site, url: str) -> None:
    site.put("a")
    site.deliver()
    client_of("dynamodb", url).put_item(
        TableName="featureFlag",
        Item={
            "id": {"S": "5fa5f0d5-9f0e-4a38-8f21-0d1b7f1a2c3d"},
            "name": {"S": "from the source"},
            "description": {"S": "d"},
            "status": {"S": "ENABLED"},
            "createdAt": {"N": "1"},
            "createdBy": {"S": "x"},
            "updatedAt": {"N": "1"},
            "updatedBy": {"S": "x"},
        },
    )
    assert site.deliver() == []
    assert site.deliver() == []
    assert site.evaluate("from-the-source")["value"] is True


def test_the_last_flag_that_is_deleted_leaves_an_empty_set(site: Site) -> None:
    site.put("a")
    site.deliver()
    site.services.publisher.put_flag(
        "default",
        "a",
        FlagDraft(
            name="a", variants={"on": True, "off": False}, default_variant="on", status=FlagStatus.DISABLED
        ),
        author=AUTHOR,
    )
    site.services.publisher.delete_flag("default", "a", author=AUTHOR)
    assert site.deliver() == []
    assert site.evaluate("a")["status"] == 404


def test_announcements_carry_set_revision_and_hash(site: Site, url: str) -> None:
    sqs, sns = client_of("sqs", url), client_of("sns", url)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=site.environment["BURGEE_SNAPSHOT_TOPIC_ARN"],
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"flagSet": ["default"]})},
    )
    site.put("a")
    site.deliver()
    message = sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    told = json.loads(message)
    assert (told["flagSet"], told["revision"], len(told["sha256"])) == ("default", 1, 64)


POISON: dict[str, Any] = {"dynamodb": {"SequenceNumber": "999", "Keys": {"who": {"S": "knows"}}}}


def test_a_poison_record_goes_to_the_queue_alone_and_those_around_it_are_published(
    environment: dict[str, str], url: str
) -> None:
    sqs = client_of("sqs", url)
    queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
    environment["BURGEE_DEAD_LETTER_QUEUE_URL"] = queue
    with open_application(Settings.from_mapping(environment)) as services:
        site = Site(services, environment)
        site.put("a")
        before = [each for batch in site.streams.batches() for each in batch]
        site.put("b")
        behind = [each for batch in site.streams.batches() for each in batch]
        answer = site.publishing.handle({"Records": [*before, POISON, POISON, *behind]})
        assert answer == {"batchItemFailures": []}
        assert (site.evaluate("a")["value"], site.evaluate("b")["value"]) == (True, True)
    buried = [json.loads(sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"]) for _ in range(2)]
    assert [each["record"] for each in buried] == [POISON, POISON]
    assert "not known" in buried[0]["problem"]


@pytest.mark.parametrize("queue", ["", "http://127.0.0.1:9/none"], ids=["no queue", "no answer"])
def test_a_poison_record_that_no_queue_takes_is_reported_and_what_stands_before_it_is_done(
    environment: dict[str, str], queue: str
) -> None:
    environment["BURGEE_DEAD_LETTER_QUEUE_URL"] = queue
    with open_application(Settings.from_mapping(environment)) as services:
        site = Site(services, environment)
        site.put("a")
        records = [each for batch in site.streams.batches() for each in batch]
        answer = site.publishing.handle({"Records": [*records, POISON]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": "999"}]}
        assert site.evaluate("a")["value"] is True


def _bad(good: bytes, older: bytes) -> dict[str, bytes | None]:
    archive = decode(good)
    (one,) = archive.sets

    def of(**changes: Any) -> bytes:
        made = msgspec.structs.replace(archive, generation=archive.generation + 1)
        return encode(msgspec.structs.replace(made, sets=(msgspec.structs.replace(one, **changes),)))

    return {
        "missing": None,
        "empty": b"",
        "garbage": random.Random(1).randbytes(2_000),
        "an error page": b"<html><body>503 Slow Down</body></html>",
        "truncated head": good[:40],
        "truncated body": good[:-1],
        "a changed byte": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        "an older version": older,
        "an older revision in a newer object": of(revision=1, body=decode(older).sets[0].body),
        "another schema": of(revision=one.revision + 1, body=zlib.compress(b'{"schema":99}')),
        "definitions of another revision": of(revision=one.revision + 7),
    }


def test_f17_a_bad_object_in_s3_changes_no_answer_and_shows_within_one_look(site: Site, url: str) -> None:
    place: dict[str, Any] = {"Bucket": BUCKET, "Key": "snapshots/all.snapshot"}
    s3 = client_of("s3", url)

    def content() -> bytes:
        return bytes(s3.get_object(**place)["Body"].read())

    site.put("a")
    site.deliver()
    older = content()
    site.put("b")
    site.deliver()
    assert site.evaluate("b")["value"] is True
    running = site.sandbox
    assert running is not None
    good = decode(content())
    kinds = _bad(encode(good), older)
    assert len(kinds) == 11
    for kind in kinds:
        before = site.evaluate("a")
        assert running.follower.state().stale is False
        bad = _bad(encode(good), older)[kind]
        if bad is None:
            s3.delete_object(**place)
        else:
            s3.put_object(**place, Body=bad)
        assert site.evaluate("a") == before, kind
        state = running.follower.state()
        assert (state.stale, state.message != "", state.age_seconds) == (True, True, 5.0), kind
        good = msgspec.structs.replace(good, generation=good.generation + 2)
        s3.put_object(**place, Body=encode(good))
        site.now += 60
        assert site.evaluate("a") == before, kind
    # The last of them stood in the way of the publisher, too: what it claims to be is newer than all to come.
    s3.put_object(**place, Body=bad)
    site.put("b", "off")
    site.deliver()
    site.now += 60
    assert site.evaluate("b")["value"] is False
    assert running.follower.state().stale is False


def test_f17_an_s3_that_says_304_for_ever_is_found_out(site: Site) -> None:
    site.put("a")
    site.deliver()
    between = S3Stub()
    with stub_service(between) as service:
        objects = open_s3(site.environment, bucket=BUCKET, prefix="snapshots/")
        found = objects.read("all.snapshot")
        assert found is not None
        tag = between.put(f"/{BUCKET}/snapshots/all.snapshot", found.content)
        site.environment["AWS_ENDPOINT_URL_S3"] = service.url
        assert site.evaluate("a")["value"] is True
        running = site.sandbox
        assert running is not None
        service.reply = lambda _: (304, {"ETag": '"another"'}, b"")
        assert site.evaluate("a")["value"] is True
        assert running.follower.state().stale is True  # it speaks of another object than we hold
        service.reply = lambda asked: (304 if "if-none-match" in asked.headers else 503, {"ETag": tag}, b"")
        site.now += 60
        assert site.evaluate("a")["value"] is True
        assert running.follower.state().stale is False  # this cannot be told from the truth
        site.now += WHOLE_SECONDS
        assert site.evaluate("a")["value"] is True
        assert running.follower.state().stale is True  # but for so long only


def test_an_invocation_publishes_everything_anew(site: Site) -> None:
    site.put("a")
    published = site.publishing.handle({"rebuildFilter": True})["published"]
    assert [each["flagSet"] for each in published] == ["default"]
    assert site.evaluate("a")["value"] is True


IN_MEMORY = MemoryTable(), MemoryObjects()
"""What the state machine of F35 runs on is held to the contract that the emulators are held to."""


@pytest.fixture(autouse=True)
def nothing_in_memory() -> None:
    IN_MEMORY[0].items.clear()
    IN_MEMORY[1].objects.clear()


def objects_of(kind: str, environment: dict[str, str]) -> SnapshotObjects:
    if kind == "s3":
        return open_s3(environment, bucket=BUCKET, prefix="odd prefix/ü+~/")
    if kind == "memory":
        return IN_MEMORY[1]
    if kind == "table in memory":
        return DynamoObjects(IN_MEMORY[0], "burgee")
    return DynamoObjects(open_dynamodb(environment), "burgee")


@pytest.mark.parametrize("kind", ["s3", "dynamodb", "memory", "table in memory"])
class TestObjects:
    """One contract for both places of objects."""

    def test_nothing_is_there_until_it_is_written(self, kind: str, environment: dict[str, str]) -> None:
        objects = objects_of(kind, environment)
        assert objects.read("sets/a.snapshot") is None
        tag = objects.write("sets/a.snapshot", b"one", replaces=None)
        found = objects.read("sets/a.snapshot")
        assert found is not None
        assert (found.content, found.tag) == (b"one", tag)

    def test_only_who_read_what_is_there_replaces_it(self, kind: str, environment: dict[str, str]) -> None:
        objects = objects_of(kind, environment)
        first = objects.write("x", b"one", replaces=None)
        second = objects.write("x", b"two", replaces=first)
        for stale in (None, first, '"else"'):
            with pytest.raises(VersionConflictError):
                objects.write("x", b"three", replaces=stale)
        with pytest.raises(VersionConflictError):
            objects.write("y", b"one", replaces=second)
        found = objects.read("x")
        assert found is not None
        assert found.content == b"two"

    @pytest.mark.parametrize("size", [PART_BYTES, PART_BYTES + 1, 2_000_000])
    def test_large_objects_come_back_whole(self, kind: str, environment: dict[str, str], size: int) -> None:
        objects = objects_of(kind, environment)
        content = random.Random(size).randbytes(size)
        tag = objects.write("large", content, replaces=None)
        objects.write("large", content[::-1], replaces=tag)
        found = objects.read("large")
        assert found is not None
        assert found.content == content[::-1]

    def test_of_many_who_write_at_once_one_does(self, kind: str, environment: dict[str, str]) -> None:
        tag = objects_of(kind, environment).write("x", b"zero", replaces=None)
        done: list[bytes] = []

        def write(number: int) -> None:
            content = b"%d" % number
            try:
                objects_of(kind, environment).write("x", content, replaces=tag)
            except VersionConflictError:
                return
            done.append(content)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = objects_of(kind, environment).read("x")
        assert found is not None
        assert done == [found.content]


@pytest.mark.parametrize("kind", ["s3", "dynamodb"])
def test_a_look_by_tag_brings_nothing_that_is_known(kind: str, environment: dict[str, str]) -> None:
    objects: Any = objects_of(kind, environment)
    more = {"attempts": 1} if kind == "s3" else {}
    with pytest.raises(NotFoundError):
        objects.fetch("x", "", deadline_seconds=2, **more)
    tag = objects.write("x", b"one", replaces=None)
    assert objects.fetch("x", tag, deadline_seconds=2, **more) is None
    assert objects.fetch("x", "", deadline_seconds=2, **more).content == b"one"
    assert objects.fetch("x", '"else"', deadline_seconds=2, **more).content == b"one"


def test_parts_of_former_content_are_gone(environment: dict[str, str], url: str) -> None:
    objects = objects_of("dynamodb", environment)
    tag = objects.write("x", b"1" * (2 * PART_BYTES), replaces=None)
    objects.write("x", b"2", replaces=tag)
    with pytest.raises(VersionConflictError):
        objects.write("x", b"3", replaces=tag)
    items = client_of("dynamodb", url).scan(TableName="burgee")["Items"]
    assert len(items) == 2  # the head and one part
