"""Tokens: JSON Web Tokens signed with RS256, and nothing else that goes by that name."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from burgee.errors import ConfigurationError, Fault, InvalidInputError, UnauthenticatedError
from burgee.formats import strict_json
from burgee.model.json import JsonObject, JsonValue
from burgee.ports import Clock, TokenClaims

ISSUER = "burgee"
MAX_TOKEN_BYTES = 8 * 1024
MIN_KEY_BITS = 2048
MAX_LEEWAY_SECONDS = 60

_ALGORITHM = "RS256"
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_REFUSED_HEADERS = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"})
"""Headers that say where to find a key, or how to read the token differently (RFC 8725)."""

_jws = jwt.PyJWS(algorithms=[_ALGORITHM])


class RsaTokenSigner:
    """Signs with the private key of `pem`.

    Raises ConfigurationError for anything but an unencrypted RSA private key of at least 2048 bits.
    """

    def __init__(self, pem: bytes) -> None:
        self._key = _private_key(pem)
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
        token = _jws.encode(body, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})
        if len(token) > MAX_TOKEN_BYTES:
            message = f"the token would be longer than {MAX_TOKEN_BYTES} bytes: name fewer flag sets"
            raise InvalidInputError([Fault("/flagSets", "token-too-long", message)])
        return token


class RsaTokenVerifier:
    """Believes tokens that one of `public_pems` verifies. `leeway_seconds` forgives clocks that differ.

    Raises ConfigurationError naming every key that is not an RSA public key of at least 2048 bits.
    """

    def __init__(self, public_pems: Sequence[bytes], clock: Clock, *, leeway_seconds: float = 0) -> None:
        if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
            raise ConfigurationError(f"the leeway is 0 to {MAX_LEEWAY_SECONDS} seconds")
        self._keys = {key_id(key): key for key in map(_public_key, public_pems)}
        self._clock = clock
        self._leeway = leeway_seconds

    def verify(self, token: str) -> TokenClaims:
        header, payload = _parts(token)
        kid = _checked_header(header)
        if not any(_verified(token, key) for key in self._candidates(kid)):
            raise UnauthenticatedError("the token's signature is not one of ours")
        return self._claims(_object(payload, "claims"))

    def _candidates(self, kid: str | None) -> list[RSAPublicKey]:
        # Another issuer names its keys in its own way: a name that is not known only means to try them all.
        known = self._keys.get(kid) if kid is not None else None
        return [known] if known is not None else list(self._keys.values())

    def _claims(self, claims: JsonObject) -> TokenClaims:
        now = self._clock()
        if claims.get("iss") != ISSUER:
            raise UnauthenticatedError("the token was issued by somebody else")
        audience = claims.get("aud", ISSUER)
        if audience != ISSUER and not (isinstance(audience, list) and ISSUER in audience):
            raise UnauthenticatedError("the token is meant for somebody else")
        expires_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
        if expires_at + self._leeway <= now:
            raise UnauthenticatedError("the token has expired")
        if issued_at - self._leeway > now or ("nbf" in claims and _time(claims, "nbf") - self._leeway > now):
            raise UnauthenticatedError("the token is not valid yet")
        return TokenClaims(
            subject=_text(claims, "sub"),
            role=_text(claims, "role"),
            issued_at=issued_at,
            expires_at=expires_at + self._leeway,
            flag_sets=_flag_sets(claims),
        )


def key_id(key: RSAPublicKey) -> str:
    """The name of a key: the first 16 hex digits of the SHA-256 of its public part."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def _parts(token: str) -> tuple[bytes, bytes]:
    if len(token) > MAX_TOKEN_BYTES:
        raise UnauthenticatedError(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    parts = token.split(".", 3)
    if len(parts) != 3:
        raise UnauthenticatedError("this is not a signed token")
    header, payload, _ = map(_decoded, parts)
    return header, payload


def _decoded(part: str) -> bytes:
    if _PART.fullmatch(part) is None:
        raise UnauthenticatedError("the token is not base64url")
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise UnauthenticatedError("the token is not base64url") from None
    # Bits that belong to no byte could be set at will: a second spelling of the same token.
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise UnauthenticatedError("the token is not canonical base64url")
    return data


def _checked_header(data: bytes) -> str | None:
    header = _object(data, "header")
    if header.get("alg") != _ALGORITHM:
        raise UnauthenticatedError(f"the token is not signed with {_ALGORITHM}")
    if _REFUSED_HEADERS & header.keys():
        raise UnauthenticatedError("the token's header asks for something that is never done")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnauthenticatedError("the token's key id is not a text")
    return kid


def _verified(token: str, key: RSAPublicKey) -> bool:
    try:
        _jws.decode_complete(token, key, algorithms=[_ALGORITHM])
    except jwt.InvalidTokenError:
        return False
    return True


def _object(data: bytes, what: str) -> JsonObject:
    try:
        value = strict_json.decode(data, max_bytes=MAX_TOKEN_BYTES)
    except InvalidInputError:
        raise UnauthenticatedError(f"the token's {what} is not strict JSON") from None
    if not isinstance(value, dict):
        raise UnauthenticatedError(f"the token's {what} is not an object")
    return value


def _time(claims: JsonObject, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnauthenticatedError(f"the token needs {name} as a number")
    return float(value)


def _text(claims: JsonObject, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 256:
        raise UnauthenticatedError(f"the token needs {name} as a text of 1 to 256 characters")
    return value


def _flag_sets(claims: JsonObject) -> tuple[str, ...]:
    if "flagSets" not in claims:
        return ()
    value: JsonValue = claims["flagSets"]
    # An empty list would mean "all" to a reader of TokenClaims, and "none" to whoever wrote it.
    if not isinstance(value, list) or not value:
        raise UnauthenticatedError("the token's flagSets is not a list of flag set keys")
    keys = tuple(key for key in value if isinstance(key, str) and key)
    if len(keys) != len(value):
        raise UnauthenticatedError("the token's flagSets is not a list of flag set keys")
    return keys


def _private_key(pem: bytes) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the signing key is not an unencrypted private key in PEM form") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the signing key must be RSA of at least {MIN_KEY_BITS} bits")
    return key


def _public_key(pem: bytes) -> RSAPublicKey:
    if b"PRIVATE KEY" in pem:
        raise ConfigurationError("the public key holds a private key; give the server the public part only")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the public key is not a public key in PEM form") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the public key must be RSA of at least {MIN_KEY_BITS} bits")
    return key
