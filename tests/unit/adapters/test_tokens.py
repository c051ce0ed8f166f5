"""Tokens: ours are believed while they are in time; no forgery ever is."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from burgee.adapters.local_key import new_signing_key
from burgee.adapters.tokens import MAX_TOKEN_BYTES, RsaTokenSigner, RsaTokenVerifier, key_id
from burgee.errors import ConfigurationError, InvalidInputError, UnauthenticatedError
from burgee.ports import TokenClaims

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {"iss": "burgee", "sub": "ada", "role": "admin", "iat": NOW - 10, "exp": NOW + 60}
HEADER: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}


@cache
def ours() -> bytes:
    return new_signing_key()


@cache
def theirs() -> bytes:
    return new_signing_key()


def private(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def public_pem() -> bytes:
    return RsaTokenSigner(ours()).public_pem


def verifier(*, now: float = NOW, leeway: float = 0) -> RsaTokenVerifier:
    return RsaTokenVerifier([public_pem()], lambda: now, leeway_seconds=leeway)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: bytes | dict[str, Any], payload: bytes | dict[str, Any], *, pem: bytes | None = None) -> str:
    """A token with a right RS256 signature over whatever header and payload."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(map(b64, parts))
    algorithm = jwt.get_algorithm_by_name("RS256")
    return f"{signed}.{b64(algorithm.sign(signed.encode(), private(pem or ours())))}"


def claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


def mac(secret: bytes, digest: str, alg: str) -> str:
    signed = f"{b64(json.dumps({'alg': alg}).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


def unsigned(alg: Any, signature: str = "") -> str:
    return f"{b64(json.dumps({'alg': alg}).encode())}.{b64(json.dumps(CLAIMS).encode())}.{signature}"


def test_what_is_signed_is_believed_and_what_would_not_be_is_not_signed() -> None:
    signer, keys = RsaTokenSigner(ours()), tuple(f"{number:0>51}" for number in range(100))
    lengths, refused = [], []
    for characters in range(1, 400):
        flag_sets = (*keys, "x" * characters)
        asked = TokenClaims(
            subject="ada", role="admin", issued_at=NOW, expires_at=NOW + 60, flag_sets=flag_sets
        )
        try:
            token = signer.sign(asked)
        except InvalidInputError as error:
            refused.append(characters)
            assert [(fault.pointer, fault.code) for fault in error.faults] == [
                ("/flagSets", "token-too-long")
            ]
        else:
            lengths.append(len(token))
            assert verifier().verify(token) == asked
    assert refused == list(range(len(lengths) + 1, 400))
    assert MAX_TOKEN_BYTES - 2 < max(lengths) <= MAX_TOKEN_BYTES


def forgeries() -> Iterator[tuple[str, str]]:
    good = sign(HEADER, CLAIMS)
    head, body, signature = good.split(".")
    for alg in ("none", "None", "NONE", "NoNe", "", None, 0, ["RS256"], "rs256", "RS256 "):
        yield f"unsigned, alg {alg!r}", unsigned(alg)
        yield f"our signature over alg {alg!r}", sign({"alg": alg}, CLAIMS)
    for digest, alg in (("sha256", "HS256"), ("sha384", "HS384"), ("sha512", "HS512")):
        yield f"{alg} with the public key", mac(public_pem(), digest, alg)
        yield f"{alg} with the stripped public key", mac(public_pem().strip(), digest, alg)
        yield f"{alg} with nothing", mac(b"", digest, alg)
    yield "an HMAC that calls itself RS256", mac(public_pem(), "sha256", "RS256")
    for alg in ("RS384", "RS512", "PS256", "PS512"):
        yield f"{alg} with our own key", jwt.encode(CLAIMS, private(ours()), algorithm=alg)
    yield "ES256", jwt.encode(CLAIMS, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    yield "another key", sign(HEADER, CLAIMS, pem=theirs())
    our_id = key_id(private(ours()).public_key())
    yield "another key under our kid", sign({**HEADER, "kid": our_id}, CLAIMS, pem=theirs())
    for kid in ("../../dev/null", "' OR 1=1 --", "\0", "k" * 4_000, ""):
        yield f"another key, kid {kid[:9]!r}", sign({**HEADER, "kid": kid}, CLAIMS, pem=theirs())
    for odd in (1, ["x"], {"a": 1}, True):
        yield f"our key, kid {odd!r}", sign({**HEADER, "kid": odd}, CLAIMS)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private(theirs()).public_key()))
    for name, value in {
        "jwk": jwk,
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/cert",
        "x5c": ["AA=="],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
    }.items():
        yield f"header {name}, our key", sign({**HEADER, name: value}, CLAIMS)
        yield f"header {name}, their key", sign({**HEADER, name: value}, CLAIMS, pem=theirs())
    for name in ("exp", "iat"):
        for value in (..., None, str(NOW + 60), True, [NOW + 60], {}):
            yield f"{name} {value!r}", sign(HEADER, claims(**{name: value}))
    yield "expired", sign(HEADER, claims(exp=NOW))
    yield "long expired", sign(HEADER, claims(exp=1))
    yield "negative exp", sign(HEADER, claims(exp=-1))
    yield "not yet issued", sign(HEADER, claims(iat=NOW + 1))
    yield "not yet valid", sign(HEADER, claims(nbf=NOW + 1))
    yield "nbf as text", sign(HEADER, claims(nbf=str(NOW)))
    for issuer in (..., None, "", "burgee ", "Burgee", "burgee.evil", ["burgee"], {"burgee": 1}):
        yield f"iss {issuer!r}", sign(HEADER, claims(iss=issuer))
    for audience in (None, "", "other", ["other"], [], 1):
        yield f"aud {audience!r}", sign(HEADER, claims(aud=audience))
    for name in ("sub", "role"):
        for value in (..., None, "", 1, ["admin"], "x" * 257):
            yield f"{name} {str(value)[:9]}", sign(HEADER, claims(**{name: value}))
    for sets in ([], "shop", [1], [""], {"shop": 1}, None):
        yield f"flagSets {sets!r}", sign(HEADER, claims(flagSets=sets))
    for cut in (1, 2, 10, len(signature) - 1, len(signature)):
        yield f"signature {cut} short", f"{head}.{body}.{signature[:-cut]}"
    yield "signature one longer", good + "A"
    yield "padded signature", good + "=="
    yield "another spelling of the last bits", good[:-1] + chr(ord(good[-1]) + 1)
    yield "another payload", f"{head}.{b64(json.dumps(claims(role='reader')).encode())}.{signature}"
    yield "another header", f"{b64(json.dumps({**HEADER, 'x': 1}).encode())}.{body}.{signature}"
    yield "standard base64", good.replace("-", "+").replace("_", "/") + "+"
    for name, text in {
        "space": f" {good}",
        "newline": f"{good}\n",
        "inner newline": f"{head}.\n{body}.{signature}",
    }.items():
        yield name, text
    yield "ünicode digits", f"{head}.{body}.{signature[:-1]}é"
    yield "a lone surrogate", f"{head}.{body}.{signature[:-1]}\ud800"
    yield "duplicate alg", sign(b'{"alg":"none","alg":"RS256"}', CLAIMS)
    twice = json.dumps(CLAIMS)[:-1].encode() + b',"role":"admin"}'
    yield "duplicate role", sign(HEADER, twice)
    yield "NaN exp", sign(HEADER, json.dumps(claims(exp=float("nan"))).encode())
    yield "infinite exp", sign(HEADER, json.dumps(claims(exp=float("inf"))).encode())
    for document in (b"", b"[]", b"1", b'"x"', b"null", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 5000):
        yield f"payload {document[:5]!r}", sign(HEADER, document)
        yield f"header {document[:5]!r}", sign(document, CLAIMS)
    yield "over 8 KiB", sign(HEADER, claims(padding="x" * MAX_TOKEN_BYTES))
    yield "a megabyte", "a" * 1_000_000
    for text in (
        "",
        ".",
        "..",
        "...",
        "." * 8_000,
        "a.b",
        "a.b.c.d",
        f"{good}.",
        f".{good}",
        f"{head}.{body}",
        f"..{signature}",
    ):
        yield f"shape {text[:12]!r} of {len(text)}", text
    yield "encrypted form", f"{head}.{body}.{signature}.{body}.{signature}"


FORGERIES = dict(forgeries())


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_token_is_believed(name: str) -> None:
    with pytest.raises(UnauthenticatedError):
        verifier().verify(FORGERIES[name])


def test_there_are_enough_forgeries() -> None:
    assert len(FORGERIES) >= 120


def test_what_the_signer_makes_the_verifier_reads_back() -> None:
    wanted = TokenClaims(
        subject="ada", role="sdk-server", issued_at=NOW, expires_at=NOW + 60, flag_sets=("a", "b")
    )
    assert verifier().verify(RsaTokenSigner(ours()).sign(wanted)) == wanted


@pytest.mark.parametrize(
    "change", [{}, {"aud": "burgee"}, {"aud": ["x", "burgee"]}, {"nbf": NOW}, {"iat": NOW}]
)
def test_a_token_with_a_right_signature_and_claims_is_believed(change: dict[str, Any]) -> None:
    assert verifier().verify(sign(HEADER, claims(**change))).subject == "ada"


def test_an_unknown_kid_of_another_issuer_means_every_key_is_tried() -> None:
    both = RsaTokenVerifier([public_pem(), RsaTokenSigner(theirs()).public_pem], lambda: NOW)
    assert both.verify(sign({**HEADER, "kid": "2026-11"}, CLAIMS, pem=theirs())).subject == "ada"


@pytest.mark.parametrize(
    ("now", "leeway", "believed"),
    [
        (NOW + 59.9, 0, True),
        (NOW + 60, 0, False),
        (NOW + 69.9, 10, True),
        (NOW + 70, 10, False),
        (NOW - 10, 0, True),
        (NOW - 10.1, 0, False),
        (NOW - 20, 10, True),
        (NOW - 20.1, 10, False),
    ],
)
def test_time_is_exact_to_the_leeway(now: float, leeway: float, believed: bool) -> None:
    token = sign(HEADER, CLAIMS)
    if believed:
        assert verifier(now=now, leeway=leeway).verify(token).role == "admin"
    else:
        with pytest.raises(UnauthenticatedError):
            verifier(now=now, leeway=leeway).verify(token)


@pytest.mark.parametrize("leeway", [-1, 60.1, 3600])
def test_a_leeway_over_a_minute_is_refused(leeway: float) -> None:
    with pytest.raises(ConfigurationError):
        verifier(leeway=leeway)


@pytest.mark.parametrize("length", [MAX_TOKEN_BYTES - 1, MAX_TOKEN_BYTES])
def test_a_token_up_to_the_limit_is_read(length: int) -> None:
    base = len(sign(HEADER, claims(pad="")))
    size = length - base
    tokens = (sign(HEADER, claims(pad="x" * pad)) for pad in range(size * 3 // 4 - 3, size * 3 // 4 + 3))
    longest = max((token for token in tokens if len(token) <= length), key=len)
    assert length - len(longest) <= 2
    assert verifier().verify(longest).subject == "ada"


def small() -> bytes:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def elliptic() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_of(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, password=None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("make", [small, elliptic, lambda: b"", lambda: b"nonsense", public_pem])
def test_a_signing_key_is_rsa_and_long_enough(make: Callable[[], bytes]) -> None:
    with pytest.raises(ConfigurationError):
        RsaTokenSigner(make())


@pytest.mark.parametrize(
    "make",
    [lambda: public_of(small()), lambda: public_of(elliptic()), lambda: b"", lambda: b"nonsense", ours],
)
def test_a_public_key_is_rsa_public_and_long_enough(make: Callable[[], bytes]) -> None:
    with pytest.raises(ConfigurationError):
        RsaTokenVerifier([make()], lambda: NOW)


def test_the_key_id_is_a_digest_of_the_public_key() -> None:
    key = private(ours()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key_id(key) == hashlib.sha256(der).hexdigest()[:16]
