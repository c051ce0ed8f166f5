"""A bounded memory of tokens that were verified, kept by their hash."""

import hashlib
from typing import Generic, TypeVar

Known = TypeVar("Known")


class VerifiedTokens(Generic[Known]):
    """What at most `size` tokens proved; those that were not asked for lately go first.

    All of it is forgotten when the generation turns: a key was revoked, or an issuer's key is gone. Two
    dictionaries, the younger of which replaces the older when it has half the size, need no lock and no
    bookkeeping on the way of every request; what two threads do at once costs one verification more.
    """

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._generation = 0
        self._young: dict[bytes, Known] = {}
        self._old: dict[bytes, Known] = {}

    def get(self, token: str, *, generation: int) -> Known | None:
        """What `token` proved in this very generation."""
        if generation != self._generation:
            self._young, self._old = {}, {}
            self._generation = generation
            return None
        key = _digest(token)
        known = self._young.get(key)
        if known is None:
            known = self._old.get(key)
            if known is not None:
                self._keep(key, known)
        return known

    def put(self, token: str, known: Known, *, generation: int) -> None:
        """Remember it; what was verified in an earlier generation is not worth remembering."""
        if generation == self._generation:
            self._keep(_digest(token), known)

    def drop(self, token: str) -> None:
        """Forget one token."""
        key = _digest(token)
        self._young.pop(key, None)
        self._old.pop(key, None)

    def _keep(self, key: bytes, known: Known) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = known


def hash_of(secret: str) -> str:
    """The hex SHA-256 under which a secret is kept."""
    return _digest(secret).hex()


def _digest(secret: str) -> bytes:
    try:
        return hashlib.sha256(secret.encode()).digest()
    except UnicodeEncodeError:
        return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
