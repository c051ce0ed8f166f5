"""Tokens of another issuer: their key is read when the first arrives, and a failure is never kept (F15)."""

from typing import Any

import pytest

from burgee.entrypoints.lambdas.lazy_tokens import KEY_SECONDS, RETRY_SECONDS, LazyTokens
from burgee.errors import KeysUnavailableError, UnauthenticatedError, UnavailableError
from burgee.testing.aws.evaluation_cloud import Cloud
from burgee.testing.aws.stub_service import Asked, Reply
from burgee.testing.token_workshop import public_pem_of, signed

NOW = 1_700_000_000.0
CLAIMS = {"userId": "ada", "role": "SUPER_USER", "exp": NOW + 10_000, "iat": NOW}


class Keys:
    def __init__(self, name: str = "one") -> None:
        self.name, self.reads, self.fails, self.now = name, 0, 0, NOW
        self.tokens = LazyTokens(self.read, clock=lambda: self.now)

    def read(self) -> str:
        self.reads += 1
        if self.fails:
            self.fails -= 1
            raise UnavailableError("ssm is away")
        return public_pem_of(self.name).decode()


def token(key: str = "one", **changes: Any) -> str:
    return signed({**CLAIMS, "role": "VIEWER", **changes}, key=key)


def test_the_key_is_read_for_the_first_token_and_not_for_the_second() -> None:
    keys = Keys()
    assert keys.reads == 0
    for _ in range(2):
        claims = keys.tokens.verify(token())
        assert (claims.subject, claims.role) == ("ada", "reader")
    assert keys.reads == 1


@pytest.mark.parametrize("text", ["", "x", "bgs_1_2", "a.b", "a.b.c.d"])
def test_what_is_no_token_reads_no_key(text: str) -> None:
    keys = Keys()
    with pytest.raises(UnauthenticatedError):
        keys.tokens.verify(text)
    assert keys.reads == 0


def test_a_forged_token_is_refused() -> None:
    with pytest.raises(UnauthenticatedError):
        Keys().tokens.verify(token("two"))


def test_without_another_issuer_no_token_is_believed() -> None:
    with pytest.raises(UnauthenticatedError):
        LazyTokens(None, clock=lambda: NOW).verify(token())


def test_f15_a_failure_is_forgotten_after_a_moment() -> None:
    keys = Keys()
    keys.fails = 3
    for _ in range(3):
        with pytest.raises(KeysUnavailableError):
            keys.tokens.verify(token())
        keys.now += RETRY_SECONDS
    assert keys.tokens.verify(token()).subject == "ada"


def test_a_key_that_is_no_key_is_a_failure_too() -> None:
    tokens = LazyTokens(lambda: "no key", clock=lambda: NOW)
    with pytest.raises(KeysUnavailableError):
        tokens.verify(token())


def test_f15_a_known_key_outlives_failures_and_is_replaced_by_a_new_one() -> None:
    keys = Keys()
    keys.tokens.verify(token())
    generation = keys.tokens.generation()
    keys.now += KEY_SECONDS
    keys.fails = 1
    assert keys.tokens.verify(token()).subject == "ada"
    keys.now += RETRY_SECONDS
    keys.name = "two"
    assert keys.tokens.generation() != generation
    with pytest.raises(UnauthenticatedError):
        keys.tokens.verify(token())
    assert keys.tokens.verify(token("two")).subject == "ada"


def test_a_user_reads_its_own_flags_by_a_key_from_ssm_and_nobody_elses(cloud: Cloud) -> None:
    import json

    cloud.put(cloud.content.publish("default", "a"))
    cloud.environment["BURGEE_PUBLIC_KEY_PARAMETER"] = "/burgee/test/public-key"
    inner = cloud.service.reply

    def reply(asked: Asked) -> Reply:
        if asked.headers.get("x-amz-target") == "AmazonSSM.GetParameter":
            assert json.loads(asked.body) == {"Name": "/burgee/test/public-key", "WithDecryption": True}
            return 200, {}, json.dumps({"Parameter": {"Value": public_pem_of("one").decode()}}).encode()
        return inner(asked)

    cloud.service.reply = reply
    own = cloud.ask("GET", "/users/ada/feature-flags/evaluation", token=token(exp=cloud.now + 100))
    assert own["statusCode"] == 200
    other = cloud.ask("GET", "/users/bob/feature-flags/evaluation", token=token(exp=cloud.now + 100))
    assert other["statusCode"] == 403
    assert json.loads(other["body"]) == {"message": "You can only access your own feature flag mappings"}
    assert cloud.calls().count("s3.GET") == 1
    assert len(cloud.calls()) == 2


@pytest.mark.parametrize("between", ["", "\n", "\\n"])
def test_during_a_rotation_both_keys_count(between: str) -> None:
    both = between.join(public_pem_of(name).decode() for name in ("one", "two"))
    tokens = LazyTokens(lambda: both, clock=lambda: NOW)
    for name in ("one", "two"):
        assert tokens.verify(token(name)).subject == "ada"
    with pytest.raises(UnauthenticatedError):
        tokens.verify(token("issuer"))
