"""The form of a signed token: three parts of canonical base64url, a strict header, a strict payload."""

import base64
import binascii
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from burgee.errors import InvalidInputError, UnauthenticatedError
from burgee.formats import strict_json
from burgee.model.json import JsonObject

MAX_TOKEN_BYTES = 8 * 1024
ALGORITHMS = ("RS256", "RS384", "RS512")
"""What a server may be told to accept; never `none`, nor a MAC, whose key would be our public one."""

_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What an access token may call itself; a logout token or a security event is none."""

_REFUSED_HEADERS = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"})
"""Headers that say where to find a key, or how to read the token differently (RFC 8725)."""

_HASHES = {"RS256": SHA256(), "RS384": SHA384(), "RS512": SHA512()}
# The signature is checked by `cryptography` itself: PyJWT would take the token apart once more, for twice
# the time, and be less strict about it.


class TokenParts(NamedTuple):
    """A token taken apart; nothing in it is to be believed before `is_signed_by` says so."""

    algorithm: str
    key_id: str | None
    payload: bytes
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: RSAPublicKey) -> bool:
        """Whether the signature is that of `key`, with the algorithm that the header names."""
        try:
            key.verify(self.signature, self.signed, PKCS1v15(), _HASHES[self.algorithm])
        except InvalidSignature:
            return False
        return True


def take_apart(token: str) -> TokenParts:
    """The parts of `token`.

    Raises UnauthenticatedError for whatever has not exactly the form of a signed token.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise UnauthenticatedError(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    parts = token.split(".", 3)
    if len(parts) != 3:
        raise UnauthenticatedError("this is not a signed token")
    header, payload, signature = map(_decoded, parts)
    fields = read_object(header, "header")
    if _REFUSED_HEADERS & fields.keys():
        raise UnauthenticatedError("the token's header asks for something that is never done")
    algorithm, kind, key_id = fields.get("alg"), fields.get("typ", "JWT"), fields.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UnauthenticatedError("the token is not signed with an algorithm that is accepted")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise UnauthenticatedError("the token is of another type")
    if key_id is not None and not isinstance(key_id, str):
        raise UnauthenticatedError("the token's key id is not a text")
    signed = token.rpartition(".")[0].encode()
    return TokenParts(algorithm, key_id, payload, signed, signature)


def read_object(data: bytes, what: str) -> JsonObject:
    """The JSON object in `data`.

    Raises UnauthenticatedError naming `what` it was.
    """
    try:
        value = strict_json.decode(data, max_bytes=MAX_TOKEN_BYTES)
    except InvalidInputError:
        raise UnauthenticatedError(f"the token's {what} is not strict JSON") from None
    if not isinstance(value, dict):
        raise UnauthenticatedError(f"the token's {what} is not an object")
    return value


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
