"""SDK keys as tokens: looked up instead of verified."""

import hmac
import logging
import math
import re
from typing import Protocol

from burgee.errors import UnauthenticatedError, UnavailableError
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.ports import Clock, TokenClaims, TokenVerifier
from burgee.service.verified_tokens import hash_of

_log = logging.getLogger("burgee.keys")

LOOK_SECONDS = 0.5
"""How long a key that was revoked, or that its issuer has removed, may still be believed."""

NEVER = 253_402_300_799.0
"""The last second of the year 9999, where a key has no expiry."""

ROLES = {SdkKind.SERVER: "sdk-server", SdkKind.CLIENT: "sdk-client"}
_KEY = re.compile(r"bg[sc]_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)


class SdkKeyReads(Protocol):
    """What a verifier asks of an SdkKeyStore, or of the keys in a snapshot. May raise UnavailableError."""

    def sdk_key(self, key_id: str) -> SdkKey | None: ...

    def sdk_key_changes(self) -> int: ...


class SdkKeyVerifier:
    """A TokenVerifier that knows SDK keys, and leaves everything else to `tokens`.

    `look` gives the seconds by which it looks for changes. A store that cannot be read changes nothing for
    who was believed already.
    """

    def __init__(self, store: SdkKeyReads, tokens: TokenVerifier, clock: Clock, *, look: Clock) -> None:
        self._store, self._tokens, self._clock, self._look = store, tokens, clock, look
        self._changes = self._generation = 0
        self._look_again_at = -math.inf

    def verify(self, token: str) -> TokenClaims:
        match = _KEY.fullmatch(token)
        if match is None:
            return self._tokens.verify(token)
        key = self._store.sdk_key(match[1])
        # An unknown id takes the same steps as a wrong secret: neither time nor words tell them apart.
        is_right = hmac.compare_digest(key.digest if key is not None else hash_of(""), hash_of(token))
        if key is None or not is_right or not key.is_active(self._clock()):
            raise UnauthenticatedError("this key is unknown, expired or revoked")
        return TokenClaims(
            subject=f"sdk-key:{key.name}",
            role=ROLES[key.kind],
            issued_at=key.created_at,
            expires_at=NEVER if key.expires_at is None else key.expires_at,
            flag_sets=key.flag_sets,
            key_id=key.id,
        )

    def generation(self) -> int:
        now = self._look()
        if now >= self._look_again_at:
            self._look_again_at = now + LOOK_SECONDS
            try:
                self._changes = self._store.sdk_key_changes()
            except UnavailableError:
                _log.warning("keys.unreadable")
            self._generation = self._changes + self._tokens.generation()
        return self._generation

    def await_keys(self) -> None:
        self._tokens.await_keys()
