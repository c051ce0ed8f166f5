"""A client of the Real-Dev-Squad API as its users write one: plain HTTP, a session, JSON bodies."""

import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from burgee.adapters.local_key import load_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.ports import TokenClaims
from burgee.testing.server import Server

ORIGIN = "https://x.realdevsquad.com"
ORIGINS = r"regex:^https?://([a-zA-Z0-9-]+\.)*realdevsquad\.com$"
"""The setting that lets in whom the source let in."""

TOKEN_SECONDS = 3600


class RdsClient:
    """One user of the API of a running server; every call sends an allowed Origin and a token."""

    def __init__(self, server: Server, *, subject: str = "ada", role: str = "admin") -> None:
        self.server = server
        self.subject = subject
        self.token = token_of(server.data, subject=subject, role=role)
        headers = {"Authorization": f"Bearer {self.token}", "Origin": ORIGIN}
        self.http = httpx.Client(base_url=server.url, headers=headers, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One request; a `body` that is bytes is sent as it is, any other as JSON."""
        if isinstance(body, bytes):
            options["content"] = body
        elif body is not None:
            options["json"] = body
        return self.http.request(method, path, **options)

    def refused(self, status: int, message: str, method: str, path: str, body: Any = None) -> None:
        """Check that the request is refused with that status and exactly that message, as JSON."""
        answer = self.call(method, path, body)
        assert (answer.status_code, answer.json()) == (status, {"message": message}), answer.text
        assert answer.headers["content-type"] == "application/json; charset=utf-8"

    def as_user(self, subject: str, role: str = "admin") -> "RdsClient":
        """Another user of the same server."""
        return RdsClient(self.server, subject=subject, role=role)

    def flag(self, **fields: str) -> dict[str, Any]:
        """A new flag, as its creation answers it."""
        body = {"name": f"flag {uuid.uuid4()}", "description": "made by a test", "userId": self.subject}
        answer = self.call("POST", "/feature-flags", {**body, **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["data"])

    def read(self, path: str) -> Any:
        """What a successful GET answers."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Issuer:
    """Another issuer of tokens, such as the source's website backend, with an RSA key of its own."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        public = self.key.public_key()
        self.public_pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def jwk(self) -> dict[str, Any]:
        """The public key as a member of a key set (RFC 7517)."""
        found: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**found, "alg": "RS256", "use": "sig", "kid": "key-1"}

    def token(self, *, algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token with the claims of the source and `claims`; a claim that is None is left out."""
        now = int(time.time())
        said = {"userId": "ada", "role": "ADMIN", "iat": now, "exp": now + TOKEN_SECONDS, **claims}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, self.key if key is None else key, algorithm=algorithm)


def token_of(data: Path, *, subject: str, role: str, seconds: float = TOKEN_SECONDS) -> str:
    """A token for `subject`, signed with the local key of a data folder."""
    now = int(time.time())
    claims = TokenClaims(subject=subject, role=role, issued_at=now, expires_at=now + seconds)
    return RsaTokenSigner(load_signing_key(data / "signing-key.pem")).sign(claims)
