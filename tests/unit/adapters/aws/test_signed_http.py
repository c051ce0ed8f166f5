"""The signed client: tries again what may pass, and nothing else."""

import time
import zlib
from collections.abc import Iterator

import pytest

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.signed_http import ATTEMPTS, SignedClient, find_place
from burgee.errors import ConfigurationError, UnavailableError
from burgee.testing.aws.stub_service import Asked, Reply, StubService, stub_service

KEYS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}


class Script:
    """Replies one after the other, the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def __call__(self, _: Asked) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


OK: Reply = (200, {}, b"ok")


@pytest.fixture
def service() -> Iterator[StubService]:
    with stub_service(Script(OK)) as running:
        yield running


def client_of(service: StubService, *, sleeps: list[float] | None = None) -> SignedClient:
    place = find_place("dynamodb", {**KEYS, "AWS_ENDPOINT_URL": service.url})
    pauses = sleeps if sleeps is not None else []
    return SignedClient(place, CredentialSource(KEYS), sleep=pauses.append, dice=lambda: 1.0)


def test_a_request_is_signed_and_sent_as_it_was_signed(service: StubService) -> None:
    answer = client_of(service).send("POST", "/p%20q", query="b=2&a=1", headers={"X-A": "v"}, body=b"body")
    (asked,) = service.asked
    assert answer.body == b"ok"
    assert (asked.method, asked.path, asked.body) == ("POST", "/p%20q?b=2&a=1", b"body")
    assert "SignedHeaders=host;x-a;x-amz-date," in asked.headers["authorization"]
    assert asked.headers["host"] == service.url.removeprefix("http://")


THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'


@pytest.mark.parametrize(
    "first",
    [
        (500, {}, b""),
        (503, {}, b"<Error><Code>SlowDown</Code></Error>"),
        (429, {}, b""),
        (400, {}, THROTTLED),
        (200, {"x-amz-crc32": "1"}, b"ok"),
    ],
    ids=["500", "503", "429", "throttled", "checksum"],
)
def test_what_may_pass_is_tried_again_after_a_pause(service: StubService, first: Reply) -> None:
    service.reply = Script(first, first, OK)
    sleeps: list[float] = []
    assert client_of(service, sleeps=sleeps).send("GET", "/").body == b"ok"
    assert len(service.asked) == 3
    assert sleeps == [0.1, 0.2]


def test_and_not_for_ever(service: StubService) -> None:
    service.reply = Script((503, {}, b""))
    with pytest.raises(UnavailableError, match="it answered 503"):
        client_of(service).send("GET", "/")
    assert len(service.asked) == ATTEMPTS


@pytest.mark.parametrize("status", [200, 304, 400, 403, 404, 412])
def test_every_other_answer_is_one(service: StubService, status: int) -> None:
    service.reply = Script((status, {}, b""))
    assert client_of(service).send("GET", "/").status == status
    assert len(service.asked) == 1


def test_a_right_checksum_is_one(service: StubService) -> None:
    service.reply = Script((200, {"x-amz-crc32": str(zlib.crc32(b"ok"))}, b"ok"))
    assert client_of(service).send("GET", "/").body == b"ok"


def test_no_pause_goes_beyond_the_deadline(service: StubService) -> None:
    service.reply = Script((503, {}, b""))
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        client_of(service).send("GET", "/", deadline_seconds=0.05)
    assert len(service.asked) == 1
    assert time.monotonic() - began < 1


def test_nobody_there_is_unavailable() -> None:
    place = find_place("s3", {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    with pytest.raises(UnavailableError, match="s3 cannot be reached"):
        SignedClient(place, CredentialSource(KEYS)).send("GET", "/")


@pytest.mark.parametrize(
    ("environment", "host", "url"),
    [
        ({}, "", "dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "", "dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}, "", "dynamodb.us-east-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://h:1"}, "", "h:1"),
        ({"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://h:2"}, "", "h:2"),
        ({"AWS_ENDPOINT_URL_S3": "http://h:3"}, "", "dynamodb.eu-west-1.amazonaws.com"),
    ],
)
def test_a_service_is_where_the_variables_say(environment: dict[str, str], host: str, url: str) -> None:
    assert find_place("dynamodb", {**KEYS, **environment}, host=host).origin.authority == url


def test_a_bucket_stands_in_the_name_of_the_host() -> None:
    origin = find_place("s3", KEYS, host="flags").origin
    assert (origin.authority, origin.is_tls) == ("flags.s3.eu-west-1.amazonaws.com", True)


@pytest.mark.parametrize(
    "environment", [{"AWS_REGION": ""}, {"AWS_ENDPOINT_URL": "ftp://x"}], ids=["region", "endpoint"]
)
def test_what_leads_nowhere_is_a_configuration_error(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        find_place("s3", {**KEYS, **environment})
