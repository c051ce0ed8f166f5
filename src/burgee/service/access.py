"""Access: who is asking, and what they may do. Whatever is not granted is denied."""

import logging
import math
import secrets
from collections.abc import Callable

import msgspec

from burgee.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    ReadOnlyError,
    UnauthenticatedError,
)
from burgee.model.audit import AuditDraft
from burgee.model.flag import KEY_PATTERN
from burgee.model.limits import MAX_TOKEN_FLAG_SETS
from burgee.ports import Clock, FlagStore, SignInCodes, TokenClaims, TokenSigner, TokenVerifier
from burgee.service.authentication import PERMISSIONS, Authentication, Identity, Permission, Role
from burgee.service.verified_tokens import hash_of

__all__ = ["PERMISSIONS", "Access", "Authentication", "Identity", "Permission", "Role"]

_log = logging.getLogger("burgee.access")

MAX_TOKEN_SECONDS = 366 * 86_400
"""The longest life of a token, one year."""

SESSION_SECONDS = 12 * 3_600
"""How long a browser stays signed in."""

MAX_SUBJECT_CHARACTERS = 256


class Access(Authentication):
    """Verifies tokens, decides what they allow, and issues them."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        signer: TokenSigner | None,
        codes: SignInCodes,
        store: FlagStore,
        clock: Clock,
        cached_tokens: int = 4_096,
        note_key_use: Callable[[str, float], object] | None = None,
    ) -> None:
        super().__init__(verifier, clock, cached_tokens=cached_tokens, note_key_use=note_key_use)
        self._signer = signer
        self._codes = codes
        self._store = store

    def issue_token(
        self,
        subject: str,
        role: Role,
        ttl_seconds: float,
        *,
        flag_sets: tuple[str, ...] = (),
        actor: str = "",
        request_id: str = "",
        client: str | msgspec.UnsetType = msgspec.UNSET,
    ) -> str:
        """A new token; who issued what to whom is audited, the token itself is written nowhere.

        Raises InvalidInputError naming each bad field, ConflictError on a server that only verifies tokens,
        UnavailableError where the audit event cannot be written: then there is no token either.
        """
        _check_grant(subject, ttl_seconds, flag_sets)
        now = self._clock()
        claims = _claims(subject, role, now, ttl_seconds, flag_sets)
        token = self._sign(claims)
        self._store.append_audit(
            AuditDraft(
                at=now,
                actor=actor or subject,
                action="token.issued",
                entity=f"tokens/{subject}",
                after={
                    "subject": subject,
                    "role": role.value,
                    "expiresAt": claims.expires_at,
                    "flagSets": list(flag_sets),
                },
                request_id=request_id,
                client=client,
            )
        )
        return token

    def require_signer(self) -> None:
        """Make sure, before a code is given out, that it can be redeemed.

        Raises ConflictError where there is no key to sign with, UnavailableError.
        """
        self._sign(_claims("local", Role.READER, self._clock(), 1, ()))

    def create_sign_in_code(self, ttl: float = 600) -> str:
        """A code that signs one browser in, once, within `ttl` seconds. Only its hash is kept."""
        code = secrets.token_urlsafe(32)
        self._codes.put(hash_of(code), expires_at=self._clock() + ttl)
        return code

    def redeem_sign_in_code(self, code: str) -> str:
        """A session token (role admin, twelve hours) for a code that was never used before.

        Raises UnauthenticatedError.
        """
        now = self._clock()
        if not self._codes.take(hash_of(code), now=now):
            raise UnauthenticatedError("this sign-in link is used up, expired or unknown")
        token = self._sign(_claims("local", Role.ADMIN, now, SESSION_SECONDS, ()))
        draft = AuditDraft(at=now, actor="local", action="session.started", entity="sessions/local")
        try:
            self._store.append_audit(draft)
        except ReadOnlyError:
            # The operator must be able to look at a damaged store, which takes no audit event any more.
            _log.warning("session.started", extra={"subject": "local", "audited": False})
        return token

    def _sign(self, claims: TokenClaims) -> str:
        if self._signer is None:
            raise ConflictError("this server verifies tokens but holds no key to sign them with")
        return self._signer.sign(claims)


def _claims(subject: str, role: Role, now: float, ttl: float, flag_sets: tuple[str, ...]) -> TokenClaims:
    # Whole seconds, so that the token itself and what is said about it agree; never less than asked for.
    return TokenClaims(
        subject=subject,
        role=role.value,
        issued_at=math.floor(now),
        expires_at=math.ceil(now + ttl),
        flag_sets=flag_sets,
    )


def _check_grant(subject: str, ttl_seconds: float, flag_sets: tuple[str, ...]) -> None:
    faults = []
    if not 1 <= len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        faults.append(Fault("/subject", "invalid-subject", "a subject is 1 to 256 printable characters"))
    if not 1 <= ttl_seconds <= MAX_TOKEN_SECONDS:
        faults.append(Fault("/ttlSeconds", "invalid-ttl", f"a token lives 1 to {MAX_TOKEN_SECONDS} seconds"))
    if len(flag_sets) > MAX_TOKEN_FLAG_SETS:
        words = f"a token names at most {MAX_TOKEN_FLAG_SETS} flag sets"
        faults.append(Fault("/flagSets", "too-many-flag-sets", words))
    for index, key in enumerate(flag_sets[:MAX_TOKEN_FLAG_SETS]):
        if not KEY_PATTERN.fullmatch(key):
            faults.append(Fault(f"/flagSets/{index}", "invalid-key", "this is not the key of a flag set"))
    if faults:
        raise InvalidInputError(faults)
