"""Keys and tokens of every kind, right ones and forgeries, for tests."""

import base64
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from burgee.adapters.local_key import new_signing_key
from burgee.adapters.rsa_keys import read_private_key

HEADER: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}


@cache
def pem_of(name: str) -> bytes:
    """The private key that belongs to `name`, the same one for the whole run."""
    assert name
    return new_signing_key()


def private_key(name: str) -> RSAPrivateKey:
    """That key."""
    return read_private_key(pem_of(name))


def public_pem_of(name: str) -> bytes:
    """Its public part."""
    return (
        private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def base64url(data: bytes) -> str:
    """Without padding, as tokens have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes | dict[str, Any], *, key: str, header: bytes | dict[str, Any] | None = None) -> str:
    """A token with a right signature of `key` over whatever header and payload; RS256 where it names none."""
    head: bytes | dict[str, Any] = HEADER if header is None else header
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)]
    text = ".".join(map(base64url, parts))
    named = head.get("alg") if isinstance(head, dict) else None
    known = named if isinstance(named, str) and named in ("RS384", "RS512", "PS256") else "RS256"
    signature = jwt.get_algorithm_by_name(known).sign(text.encode(), private_key(key))
    return f"{text}.{base64url(signature)}"


def jwk(key: str, **changes: Any) -> dict[str, Any]:
    """The public key of `key` as an entry of a key set, called `key`; `changes` replace members."""
    numbers = private_key(key).public_key().public_numbers()
    entry = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key, "n": _number(numbers.n), "e": "AQAB"}
    return {name: value for name, value in {**entry, **changes}.items() if value is not ...}


def jwks(*entries: object) -> bytes:
    """A key set of `entries`; a name stands for its key."""
    keys = [jwk(entry) if isinstance(entry, str) else entry for entry in entries]
    return json.dumps({"keys": keys}).encode()


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8))
