"""The stand-in for Firehose: buffers, delimiters, compression, prefixes, and what it refuses."""

import base64
import gzip
import json
from typing import Any

import httpx
import pytest

from burgee.testing.aws.firehose import BATCH_RECORDS, RECORD_BYTES, Firehose


class Bucket:
    """As much of S3 as a delivery needs."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        assert Bucket == "audit"
        self.objects[Key] = Body


class Stand:
    """A Firehose at a time that the test sets."""

    def __init__(self, **options: Any) -> None:
        self.bucket, self.now = Bucket(), 1_795_257_315.0
        self.firehose = Firehose(
            self.bucket, name="stream", bucket="audit", clock=lambda: self.now, **options
        )

    @property
    def contents(self) -> list[bytes]:
        return [gzip.decompress(body) for body in self.bucket.objects.values()]


def test_an_object_has_a_delimiter_behind_each_record_and_is_compressed() -> None:
    stand = Stand()
    stand.firehose.put([b"one", b"two"])
    assert stand.contents == []
    stand.firehose.flush()
    assert stand.contents == [b"one\ntwo\n"]


def test_without_delimiter_and_compression_records_stand_as_they_came() -> None:
    stand = Stand(delimiter=b"", compressed=False)
    stand.firehose.put([b"one", b"two"])
    stand.firehose.flush()
    assert list(stand.bucket.objects.values()) == [b"onetwo"]


def test_a_key_has_the_day_in_its_prefix() -> None:
    stand = Stand()
    stand.firehose.put([b"x"])
    stand.firehose.flush()
    (key,) = stand.bucket.objects
    assert key.startswith("ddb-changes/year=2026/month=11/day=21/stream-1-2026-11-21-10-35-15-")
    assert key.endswith(".gz")


def test_a_prefix_may_hold_the_whole_date() -> None:
    assert Stand(prefix="d/day=!{timestamp:yyyy-MM-dd}/").firehose.key().startswith("d/day=2026-11-21/")


@pytest.mark.parametrize(("waited", "objects"), [(59.9, 0), (60.0, 1), (60.1, 1)])
def test_a_buffer_is_delivered_at_its_age(waited: float, objects: int) -> None:
    stand = Stand(buffer_seconds=60.0)
    stand.firehose.put([b"x"])
    stand.now += waited
    stand.firehose.tick()
    assert len(stand.contents) == objects


@pytest.mark.parametrize(("size", "objects"), [(98, 0), (99, 1), (100, 1)])
def test_a_buffer_is_delivered_at_its_size_with_delimiters(size: int, objects: int) -> None:
    stand = Stand(buffer_bytes=100)
    stand.firehose.put([b"x" * size])
    assert len(stand.contents) == objects


def test_a_record_that_is_refused_is_said_and_not_kept() -> None:
    turns = iter([False, True, False])
    stand = Stand(refuses=lambda: next(turns))
    assert stand.firehose.put([b"a", b"b", b"c"]) == [True, False, True]
    stand.firehose.flush()
    assert stand.contents == [b"a\nc\n"]


def put_batch(url: str, records: list[bytes], *, name: str = "stream") -> httpx.Response:
    data = [{"Data": base64.b64encode(record).decode()} for record in records]
    return httpx.post(
        url,
        content=json.dumps({"DeliveryStreamName": name, "Records": data}),
        headers={"X-Amz-Target": "Firehose_20150804.PutRecordBatch"},
        trust_env=False,
    )


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([b"x"] * BATCH_RECORDS, 200),
        ([b"x"] * (BATCH_RECORDS + 1), 400),
        ([], 400),
        ([b"x" * RECORD_BYTES], 200),
        ([b"x" * (RECORD_BYTES + 1)], 400),
        ([b"x" * RECORD_BYTES] * 4, 200),
        ([b"x" * RECORD_BYTES] * 5, 400),
    ],
)
def test_a_call_has_the_limits_of_the_service(records: list[bytes], status: int) -> None:
    stand = Stand()
    with stand.firehose:
        assert put_batch(stand.firehose.url, records).status_code == status


def test_the_protocol_says_of_each_record_whether_it_was_taken() -> None:
    turns = iter([False, True])
    stand = Stand(refuses=lambda: next(turns))
    with stand.firehose:
        answer = put_batch(stand.firehose.url, [b"a", b"b"]).json()
    assert answer["FailedPutCount"] == 1
    assert [("ErrorCode" in each) for each in answer["RequestResponses"]] == [False, True]


def test_another_stream_is_not_there() -> None:
    stand = Stand()
    with stand.firehose:
        assert put_batch(stand.firehose.url, [b"a"], name="other").status_code == 400
