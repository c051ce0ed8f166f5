"""A bounded memory of tokens that were verified, kept by their hash."""

import hashlib
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Known = TypeVar("Known")


class VerifiedTokens(Generic[Known]):
    """What at most `size` tokens proved; the least recently used goes first.

    All of it is forgotten when the generation turns: a key was revoked, or an issuer's key is gone.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._generation = 0
        self._known: OrderedDict[str, Known] = OrderedDict()

    def get(self, token: str, *, generation: int) -> Known | None:
        """What `token` proved in this very generation."""
        key = hash_of(token)
        with self._lock:
            if generation != self._generation:
                self._known.clear()
                self._generation = generation
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def put(self, token: str, known: Known, *, generation: int) -> None:
        """Remember it; what was verified in an earlier generation is not worth remembering."""
        with self._lock:
            if generation != self._generation:
                return
            self._known[hash_of(token)] = known
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def drop(self, token: str) -> None:
        """Forget one token."""
        with self._lock:
            self._known.pop(hash_of(token), None)


def hash_of(secret: str) -> str:
    """The hex SHA-256 under which a secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
