"""The signing key in the parameter store: when it is read, and what a failure does."""

import pytest

from burgee.adapters.aws.signing_key import SIGNING_SECONDS, SsmSigner
from burgee.adapters.tokens import RsaTokenVerifier
from burgee.errors import ConflictError, UnauthenticatedError, UnavailableError
from burgee.ports import TokenClaims
from burgee.testing.token_workshop import pem_of, public_pem_of
from burgee.testing.workshop import HandClock

NOW = 1_700_000_000.0
CLAIMS = TokenClaims(subject="ada", role="admin", issued_at=NOW, expires_at=NOW + 60)


class Parameter:
    """What stands in the parameter, and how often somebody has looked."""

    def __init__(self, text: str | None) -> None:
        self.text, self.reads, self.is_away = text, 0, False
        self.clock = HandClock(1_000.0)
        self.signer = SsmSigner(self.read, monotonic=self.clock)

    def read(self) -> str | None:
        self.reads += 1
        if self.is_away:
            raise UnavailableError("the parameter store cannot be read")
        return self.text

    def signs_as(self, name: str) -> bool:
        verifier = RsaTokenVerifier([public_pem_of(name)], lambda: NOW)
        try:
            return verifier.verify(self.signer.sign(CLAIMS)).subject == "ada"
        except UnauthenticatedError:
            return False


def test_nothing_is_read_before_something_is_signed() -> None:
    parameter = Parameter(pem_of("one").decode())
    assert parameter.reads == 0
    assert parameter.signs_as("one")
    assert parameter.reads == 1


@pytest.mark.parametrize(
    ("later", "name"), [(0.0, "one"), (SIGNING_SECONDS - 0.01, "one"), (SIGNING_SECONDS, "two")]
)
def test_a_key_signs_for_a_minute_before_it_is_looked_up_again(later: float, name: str) -> None:
    parameter = Parameter(pem_of("one").decode())
    assert parameter.signs_as("one")
    parameter.text = pem_of("two").decode()
    parameter.clock.now += later
    assert parameter.signs_as(name)


def test_a_failure_is_not_kept() -> None:
    parameter = Parameter(pem_of("one").decode())
    parameter.is_away = True
    for _ in range(2):
        with pytest.raises(UnavailableError):
            parameter.signer.sign(CLAIMS)
    parameter.is_away = False
    assert parameter.signs_as("one")
    assert parameter.reads == 3


def test_the_last_good_key_signs_on_while_the_store_is_away() -> None:
    parameter = Parameter(pem_of("one").decode())
    assert parameter.signs_as("one")
    parameter.is_away = True
    parameter.clock.now += SIGNING_SECONDS
    assert parameter.signs_as("one")
    assert parameter.signs_as("one")
    assert parameter.reads == 3


def test_a_key_that_was_taken_away_signs_no_more() -> None:
    parameter = Parameter(pem_of("one").decode())
    assert parameter.signs_as("one")
    parameter.text = None
    parameter.clock.now += SIGNING_SECONDS
    for _ in range(2):
        with pytest.raises(ConflictError, match="no key to sign"):
            parameter.signer.sign(CLAIMS)


@pytest.mark.parametrize("text", ["", "x", public_pem_of("one").decode()])
def test_what_is_no_private_key_is_said_and_signs_nothing(text: str) -> None:
    parameter = Parameter(pem_of("one").decode())
    assert parameter.signs_as("one")
    parameter.text = text
    parameter.clock.now += SIGNING_SECONDS
    with pytest.raises(UnavailableError) as raised:
        parameter.signer.sign(CLAIMS)
    assert "BEGIN" not in str(raised.value)


def test_line_ends_may_be_written_as_backslash_and_n() -> None:
    assert Parameter(pem_of("one").decode().replace("\n", "\\n")).signs_as("one")
