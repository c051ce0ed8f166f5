"""Tokens of another issuer, by a key that is fetched when the first such token arrives.

Most callers show an SDK key: their function never reads the key, nor imports what verifies by it.
"""

import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from burgee.adapters.aws.credentials import CredentialSource
from burgee.entrypoints.lambdas.evaluate_settings import EvaluateSettings
from burgee.errors import ConfigurationError, KeysUnavailableError, UnauthenticatedError, UnavailableError
from burgee.ports.clock import Clock
from burgee.ports.identity import TokenClaims

if TYPE_CHECKING:
    from burgee.adapters.tokens import RsaTokenVerifier

_log = logging.getLogger("burgee.keys")

KEY_SECONDS = 300.0
"""How long a key is believed before it is read again."""

RETRY_SECONDS = 5.0
"""After a failure. It is never remembered longer than this, and a key that is known stays."""


class LazyTokens:
    """A TokenVerifier by the keys in PEM form that `read_pem` gives, several during a rotation.

    Without `read_pem` no other issuer is believed.

    `read_pem` may raise UnavailableError.
    """

    def __init__(
        self,
        read_pem: Callable[[], str] | None,
        *,
        clock: Clock,
        issuer: str = "",
        audience: str = "",
        identity: tuple[str, ...] = ("userId", "sub"),
        algorithms: tuple[str, ...] = ("RS256",),
        role: str = "reader",
        leeway_seconds: float = 0,
    ) -> None:
        self._read_pem, self._clock = read_pem, clock
        self._issuer, self._audience, self._identity = issuer, audience, identity
        self._algorithms, self._leeway = algorithms, leeway_seconds
        self._role = role
        self._pem = ""
        self._verifier: RsaTokenVerifier | None = None
        self._look_at = -math.inf
        self._generation = 0

    def verify(self, token: str) -> TokenClaims:
        """As TokenVerifier says."""
        if token.count(".") != 2 or self._read_pem is None:
            raise UnauthenticatedError("this is neither a key nor a token that is known here")
        if self._clock() >= self._look_at:
            self._look(self._read_pem)
        if self._verifier is None:
            raise KeysUnavailableError("the key that verifies tokens cannot be read now")
        return self._verifier.verify(token)

    def generation(self) -> int:
        """Another number once the key has changed."""
        if self._verifier is not None and self._read_pem is not None and self._clock() >= self._look_at:
            self._look(self._read_pem)
        return self._generation

    def await_keys(self) -> None:
        """There is never a look-up under way."""

    def _look(self, read_pem: Callable[[], str]) -> None:
        now = self._clock()
        try:
            pem = read_pem()
            if pem != self._pem:
                self._verifier = self._made(pem)
                self._pem = pem
                self._generation += 1
        except (UnavailableError, ConfigurationError) as error:
            self._look_at = now + RETRY_SECONDS
            _log.warning("keys.unreadable", extra={"problem": str(error)})
        else:
            self._look_at = now + KEY_SECONDS

    def _made(self, pem: str) -> "RsaTokenVerifier":
        from burgee.adapters.rsa_keys import blocks_in
        from burgee.adapters.token_claims import ClaimRules
        from burgee.adapters.tokens import Issuer, PemKeys, RsaTokenVerifier

        rules = ClaimRules(
            algorithms=self._algorithms,
            issuer=self._issuer,
            audience=self._audience,
            identity=self._identity,
            role=self._role,
        )
        source = PemKeys(blocks_in(pem))
        return RsaTokenVerifier(
            [], self._clock, leeway_seconds=self._leeway, others=[Issuer(rules, (source,))]
        )


def open_tokens(
    environment: Mapping[str, str],
    settings: EvaluateSettings,
    *,
    credentials: CredentialSource,
    clock: Clock,
) -> LazyTokens:
    """The tokens that `settings` say are believed."""
    read_pem: Callable[[], str] | None = None
    if settings.public_key:

        def read_pem() -> str:
            return settings.public_key

    elif settings.public_key_parameter:

        def read_pem() -> str:
            from burgee.adapters.aws.parameter_reads import read_parameter

            return read_parameter(environment, settings.public_key_parameter, credentials=credentials)

    return LazyTokens(
        read_pem,
        clock=clock,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        identity=(settings.token_identity,) if settings.token_identity else ("userId", "sub"),
        algorithms=tuple(name.strip() for name in settings.token_algorithms.split(",")),
        role=settings.token_role,
        leeway_seconds=settings.token_leeway_seconds,
    )
