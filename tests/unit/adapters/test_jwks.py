"""Published keys: rotated without a restart, never fetched by the flood, kept while their issuer is away."""

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from burgee.adapters.jwks import (
    MAX_BYTES,
    MAX_KEYS,
    PAUSE_SECONDS,
    JwksKeys,
    read_keys,
)
from burgee.adapters.token_claims import ClaimRules
from burgee.adapters.tokens import Issuer, RsaTokenVerifier
from burgee.errors import (
    ConfigurationError,
    InvalidInputError,
    KeysUnavailableError,
    UnauthenticatedError,
    UnavailableError,
)
from burgee.testing.token_workshop import HEADER, jwk, jwks, public_pem_of, signed
from burgee.testing.workshop import HandClock

NOW = 1_800_000_000
CLAIMS = {"sub": "u", "exp": NOW + 60}


class Published:
    """An issuer's key set, and how often it was fetched; `None` is one that does not answer."""

    def __init__(self, *names: str) -> None:
        self.document: bytes | None = jwks(*names)
        self.fetched = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> bytes:
        self.gate.wait(10)
        self.fetched += 1
        if self.document is None:
            raise UnavailableError("away")
        return self.document


class Trust:
    """A verifier of tokens whose keys are published, with clocks that the test moves."""

    def __init__(self, *names: str, max_age: float = 3600) -> None:
        self.published, self.clock = Published(*names), HandClock(1000.0)
        self.keys = JwksKeys(
            "https://issuer.example/keys", max_age=max_age, fetch_document=self.published, clock=self.clock
        )
        self.verifier = RsaTokenVerifier(
            [public_pem_of("local")], lambda: NOW, others=[Issuer(ClaimRules(), (self.keys,))]
        )

    def believes(self, key: str, *, kid: str | None = None) -> bool:
        try:
            self.verifier.verify(token(key, kid=key if kid is None else kid))
        except UnauthenticatedError:
            return False
        return True


def token(key: str, *, kid: str = "") -> str:
    return signed(CLAIMS, key=key, header={**HEADER, "kid": kid} if kid else HEADER)


@pytest.fixture
def trust() -> Trust:
    made = Trust("one")
    assert made.keys.refresh()
    return made


def test_a_published_key_is_believed_with_and_without_its_name(trust: Trust) -> None:
    assert trust.believes("one")
    assert trust.believes("one", kid="")
    assert not trust.believes("two", kid="")
    assert not trust.believes("two", kid="one")


def test_item_13_both_keys_count_during_a_rotation_and_a_removed_one_no_more(trust: Trust) -> None:
    trust.published.document = jwks("one", "two")
    trust.keys.refresh()
    assert trust.believes("one")
    assert trust.believes("two")
    trust.published.document = jwks("two")
    trust.keys.refresh()
    assert trust.believes("two")
    assert not trust.believes("one", kid="")


def test_item_13_the_generation_turns_when_keys_change_and_only_then(trust: Trust) -> None:
    before = trust.verifier.generation()
    trust.keys.refresh()
    assert trust.verifier.generation() == before
    trust.published.document = jwks("two")
    trust.keys.refresh()
    assert trust.verifier.generation() > before


def started(trust: Trust) -> Trust:
    trust.keys.start()
    trust.verifier.await_keys()
    return trust


def test_item_14_ten_thousand_made_up_names_are_one_fetch_more(trust: Trust) -> None:
    fetched = started(trust).published.fetched
    with pytest.raises(KeysUnavailableError):
        trust.keys.candidates("kid")
    trust.verifier.await_keys()
    for number in range(10_000):
        assert not trust.keys.candidates(f"kid-{number}")  # signing so many tokens would take minutes
    assert trust.published.fetched == fetched + 1
    trust.keys.close()


def test_item_13_a_key_that_is_new_is_known_after_one_look(trust: Trust) -> None:
    started(trust).published.document = jwks("one", "two")
    with pytest.raises(KeysUnavailableError):
        trust.verifier.verify(token("two", kid="two"))
    trust.verifier.await_keys()
    assert trust.believes("two")
    trust.keys.close()


@pytest.mark.parametrize(("later", "asks"), [(PAUSE_SECONDS - 0.1, False), (PAUSE_SECONDS, True)])
def test_item_14_an_unknown_name_is_looked_for_again_after_the_pause(
    trust: Trust, later: float, asks: bool
) -> None:
    with pytest.raises(KeysUnavailableError):
        started(trust).keys.candidates("kid")
    trust.verifier.await_keys()
    fetched = trust.published.fetched
    trust.published.document = jwks("one", "two")
    trust.clock.now += later
    if not asks:
        assert not trust.believes("two")
        assert trust.published.fetched == fetched
    else:
        with pytest.raises(KeysUnavailableError):
            trust.verifier.verify(token("two", kid="two"))
        trust.verifier.await_keys()
        assert trust.believes("two")
        assert trust.published.fetched == fetched + 1
    trust.keys.close()


def test_item_14_while_keys_are_on_their_way_known_ones_go_on_and_nobody_fetches_twice(trust: Trust) -> None:
    trust.published.gate.clear()
    trust.keys.start()
    for _ in range(50):
        with pytest.raises(KeysUnavailableError):
            trust.verifier.verify(token("two", kid="two"))
        assert trust.believes("one")
    trust.published.gate.set()
    trust.verifier.await_keys()
    assert trust.published.fetched == 2
    trust.keys.close()


def test_item_15_a_fetch_that_fails_leaves_the_last_good_keys(trust: Trust) -> None:
    for document in (None, b"", b"nonsense", b"[]", b'{"keys":[]}', b'{"keys":1}', jwks({"kty": "EC"})):
        trust.published.document = document
        assert not trust.keys.refresh()
        assert trust.believes("one")


@pytest.mark.parametrize(("age", "good"), [(3599, True), (3600, True), (3601, False)])
def test_item_15_the_last_good_keys_are_good_for_so_long_and_then_nothing_can_be_said(
    trust: Trust, age: float, good: bool
) -> None:
    generation = trust.verifier.generation()
    trust.published.document = None
    trust.clock.now += age
    if good:
        assert trust.believes("one")
    else:
        with pytest.raises(KeysUnavailableError) as caught:
            trust.verifier.verify(token("one", kid="one"))
        assert caught.value.retry_after >= 1
    assert (trust.verifier.generation() == generation) is good


def test_item_15_before_the_first_keys_came_nothing_can_be_said_but_of_our_own_tokens() -> None:
    trust = Trust("one")
    with pytest.raises(KeysUnavailableError):
        trust.believes("one")
    with pytest.raises(UnauthenticatedError):
        trust.verifier.verify("not.a.token")
    ours = {"iss": "burgee", "sub": "a", "role": "reader", "iat": NOW, "exp": NOW + 1}
    assert trust.verifier.verify(signed(ours, key="local")).subject == "a"
    assert trust.published.fetched == 0


def test_a_document_that_breaks_everything_does_not_end_the_fetching(trust: Trust) -> None:
    def broken() -> bytes:
        raise RuntimeError("a bug")

    keys = JwksKeys("https://a/k", max_age=60, fetch_document=broken, clock=trust.clock)
    keys.start()
    keys.await_keys()
    assert keys._thread.is_alive()
    keys.close()
    keys._thread.join(10)
    assert not keys._thread.is_alive()


def test_only_an_address_that_may_be_asked_is_taken() -> None:
    with pytest.raises(ConfigurationError):
        JwksKeys("http://issuer.example/keys", max_age=60)


def weak(name: str) -> dict[str, Any]:
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    n = base64.urlsafe_b64encode(numbers.n.to_bytes(128)).rstrip(b"=").decode()
    return jwk("one", kid=name, n=n)


@pytest.mark.parametrize(
    "make",
    [
        lambda: jwk("one", kty="oct"),
        lambda: jwk("one", kty=...),
        lambda: jwk("one", use="enc"),
        lambda: jwk("one", kid=1),
        lambda: jwk("one", kid="x" * 257),
        lambda: jwk("one", d="AQAB"),
        lambda: jwk("one", n=...),
        lambda: jwk("one", n=1),
        lambda: jwk("one", n="!!"),
        lambda: jwk("one", n="é"),
        lambda: jwk("one", n=""),
        lambda: jwk("one", e="AA"),
        lambda: jwk("one", e="Ag"),
        lambda: jwk("one", e=""),
        lambda: weak("one"),
        lambda: None,
        list,
        lambda: 7,
    ],
)
def test_an_entry_that_is_no_public_rsa_key_is_passed_over(make: Callable[[], object]) -> None:
    assert [key.name for key in read_keys(jwks(make(), "two"))] == ["two"]


def test_a_key_without_a_name_or_a_use_is_taken() -> None:
    assert [key.name for key in read_keys(jwks(jwk("one", kid=..., use=..., alg=...)))] == [""]


def test_no_more_than_so_many_keys_are_taken() -> None:
    assert len(read_keys(jwks(*["one"] * MAX_KEYS, "two"))) == MAX_KEYS


def test_a_key_set_has_a_limit_and_is_strict_json() -> None:
    padded = json.loads(jwks("one")) | {"x": ""}
    size = len(json.dumps(padded))
    fits = json.dumps(padded | {"x": "x" * (MAX_BYTES - size)}).encode()
    assert len(fits) == MAX_BYTES
    assert read_keys(fits)
    for document in (fits[:-2] + b'x"}', b'{"keys":[],"keys":[]}'):
        with pytest.raises(InvalidInputError):
            read_keys(document)
