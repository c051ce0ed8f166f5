"""Credentials: of the environment, or of the endpoint of a container, kept until they are about to expire."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.adapters.aws.credentials import RENEW_SECONDS, CredentialSource
from burgee.adapters.aws.signing import Credentials
from burgee.errors import UnavailableError
from burgee.testing.aws.stub_service import Asked, Reply, StubService, stub_service

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
EXPIRES = "2023-11-14T23:13:20Z"


def test_those_of_the_environment_come_first() -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/",
    }
    assert CredentialSource(environment).current() == Credentials("A", "s", "t")


@pytest.mark.parametrize("environment", [{}, {"AWS_ACCESS_KEY_ID": "A"}], ids=["none", "half"])
def test_none_are_an_outage(environment: dict[str, str]) -> None:
    with pytest.raises(UnavailableError, match="no AWS credentials"):
        CredentialSource(environment).current()


def issued(asked: Asked) -> Reply:
    body = {
        "AccessKeyId": "C",
        "SecretAccessKey": "k",
        "Token": asked.headers.get("authorization", "none"),
        "Expiration": EXPIRES,
    }
    return 200, {}, json.dumps(body).encode()


@pytest.fixture
def endpoint() -> Iterator[StubService]:
    with stub_service(issued) as running:
        yield running


def test_an_endpoint_is_asked_once_until_its_answer_is_about_to_expire(endpoint: StubService) -> None:
    now = NOW
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint.url}/creds?x=1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret",
    }
    source = CredentialSource(environment, wall=lambda: now)
    assert source.current() == Credentials("C", "k", "secret")
    now = NOW + 3_600 - RENEW_SECONDS - 1
    source.current()
    assert [each.path for each in endpoint.asked] == ["/creds?x=1"]
    now += 1
    source.current()
    assert len(endpoint.asked) == 2


def test_a_token_may_stand_in_a_file(endpoint: StubService, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from-file\n")
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path),
    }
    assert CredentialSource(environment).current().token == "from-file"


def test_an_endpoint_that_fails_leaves_what_is_known(endpoint: StubService) -> None:
    now = NOW
    source = CredentialSource({"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url}, wall=lambda: now)
    known = source.current()
    endpoint.reply = lambda _: (500, {}, b"")
    now += 3_500
    assert source.current() == known


@pytest.mark.parametrize(
    "reply", [(500, {}, b""), (200, {}, b"no json"), (200, {}, b"{}")], ids=["500", "no json", "empty"]
)
def test_an_endpoint_that_fails_at_first_is_an_outage(endpoint: StubService, reply: Reply) -> None:
    endpoint.reply = lambda _: reply
    with pytest.raises(UnavailableError, match="cannot be fetched"):
        CredentialSource({"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url}).current()


def test_plain_http_leads_to_this_machine_only() -> None:
    with pytest.raises(UnavailableError, match="plain http"):
        CredentialSource({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}).current()
