"""Tokens: JSON Web Tokens signed with RSA, ours and those of one other issuer, and nothing else."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from burgee.adapters.rsa_keys import MIN_KEY_BITS, key_id, read_private_key, read_public_key
from burgee.adapters.token_claims import ISSUER, ClaimRules
from burgee.adapters.token_parts import MAX_TOKEN_BYTES, read_object, take_apart
from burgee.errors import (
    ConfigurationError,
    Fault,
    InvalidInputError,
    KeysUnavailableError,
    UnauthenticatedError,
)
from burgee.formats import strict_json
from burgee.model.json import JsonObject
from burgee.ports import Clock, TokenClaims

__all__ = [
    "ISSUER",
    "MAX_LEEWAY_SECONDS",
    "MAX_TOKEN_BYTES",
    "MIN_KEY_BITS",
    "Issuer",
    "KeySource",
    "PemKeys",
    "RsaTokenSigner",
    "RsaTokenVerifier",
    "key_id",
]

MAX_LEEWAY_SECONDS = 60

_ALGORITHM = "RS256"
_OURS = ClaimRules(algorithms=(_ALGORITHM,), issuer=ISSUER, audience=ISSUER, identity=("sub",), is_ours=True)


class KeySource(Protocol):
    """The keys of one issuer."""

    def candidates(self, key_id: str | None) -> Sequence[RSAPublicKey]:
        """The keys that may have signed a token that names `key_id`, or none.

        Raises KeysUnavailableError where that cannot be said now.
        """
        ...

    def generation(self) -> int:
        """Another number once a key is gone."""
        ...

    def await_keys(self) -> None:
        """Wait, a few seconds at most, for keys that are being fetched."""
        ...


class PemKeys:
    """Keys that never change.

    Raises ConfigurationError for a PEM that is not an RSA public key of at least 2048 bits.
    """

    def __init__(self, public_pems: Sequence[bytes]) -> None:
        self._keys = {key_id(key): key for key in map(read_public_key, public_pems)}

    def candidates(self, key_id: str | None) -> Sequence[RSAPublicKey]:
        """The key of that name; all of them where nobody here knows it: issuers name keys as they like."""
        known = self._keys.get(key_id) if key_id is not None else None
        return (known,) if known is not None else tuple(self._keys.values())

    def generation(self) -> int:
        return 0

    def await_keys(self) -> None:
        return


class Issuer(msgspec.Struct, frozen=True):
    """Somebody whose tokens are believed: where the keys are, and what the tokens must claim."""

    rules: ClaimRules
    sources: tuple[KeySource, ...]


class RsaTokenSigner:
    """Signs with the private key of `pem`.

    Raises ConfigurationError for anything but an unencrypted RSA private key of at least 2048 bits.
    """

    def __init__(self, pem: bytes) -> None:
        self._key = read_private_key(pem)
        self.public_pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._key_id = key_id(self._key.public_key())

    def sign(self, claims: TokenClaims) -> str:
        """The token; one that the verifier would not read is refused instead."""
        payload: JsonObject = {
            "iss": ISSUER,
            "sub": claims.subject,
            "role": claims.role,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        if claims.flag_sets:
            payload["flagSets"] = list(claims.flag_sets)
        body = strict_json.encode(payload)
        # 30 ms of CPU that only those pay who sign: most cold starts of a function do not.
        import jwt

        jws = jwt.PyJWS(algorithms=[_ALGORITHM])
        token = jws.encode(body, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})
        if len(token) > MAX_TOKEN_BYTES:
            message = f"the token would be longer than {MAX_TOKEN_BYTES} bytes: name fewer flag sets"
            raise InvalidInputError([Fault("/flagSets", "token-too-long", message)])
        return token


class RsaTokenVerifier:
    """Believes our own tokens, which one of `public_pems` verifies, and those of `others`.

    A key speaks for its issuer only: it decides which rules a token must follow. `leeway_seconds` forgives
    clocks that differ.

    Raises ConfigurationError naming every key that is not an RSA public key of at least 2048 bits.
    """

    def __init__(
        self,
        public_pems: Sequence[bytes],
        clock: Clock,
        *,
        leeway_seconds: float = 0,
        others: Sequence[Issuer] = (),
    ) -> None:
        if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
            raise ConfigurationError(f"the leeway is 0 to {MAX_LEEWAY_SECONDS} seconds")
        self._issuers = (Issuer(_OURS, (PemKeys(public_pems),)), *others)
        self._sources = tuple(source for issuer in self._issuers for source in issuer.sources)
        self._clock = clock
        self._leeway = leeway_seconds

    def verify(self, token: str) -> TokenClaims:
        parts = take_apart(token)
        unavailable: KeysUnavailableError | None = None
        for issuer in self._issuers:
            if parts.algorithm not in issuer.rules.algorithms:
                continue
            for source in issuer.sources:
                try:
                    keys = source.candidates(parts.key_id)
                except KeysUnavailableError as error:
                    unavailable = error  # one of the keys that are left may still be the one
                    continue
                if any(parts.is_signed_by(key) for key in keys):
                    claims = read_object(parts.payload, "claims")
                    return issuer.rules.read(claims, now=self._clock(), leeway=self._leeway)
        if unavailable is not None:
            raise unavailable
        raise UnauthenticatedError("the token's signature is not one of ours")

    def generation(self) -> int:
        return sum([source.generation() for source in self._sources])

    def await_keys(self) -> None:
        for source in self._sources:
            source.await_keys()
