"""Access: who is asking, and what they may do. Whatever is not granted is denied."""

import logging
import math
import secrets
from collections.abc import Callable
from enum import Enum

import msgspec

from burgee.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NoCredentialsError,
    ReadOnlyError,
    UnauthenticatedError,
)
from burgee.model.audit import AuditDraft
from burgee.model.flag import KEY_PATTERN
from burgee.model.limits import MAX_TOKEN_FLAG_SETS
from burgee.ports import Clock, FlagStore, SignInCodes, TokenClaims, TokenSigner, TokenVerifier
from burgee.service.verified_tokens import VerifiedTokens, hash_of

_log = logging.getLogger("burgee.access")

MAX_TOKEN_SECONDS = 366 * 86_400
"""The longest life of a token, one year."""

SESSION_SECONDS = 12 * 3_600
"""How long a browser stays signed in."""

MAX_SUBJECT_CHARACTERS = 256


class Permission(Enum):
    """What a route may ask for."""

    EVALUATE = "evaluate"
    READ = "read"
    WRITE = "write"
    ADMINISTER = "administer"


class Role(Enum):
    """What a token says its bearer is; the values stand in tokens."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"
    SDK_SERVER = "sdk-server"
    SDK_CLIENT = "sdk-client"


_READ = frozenset({Permission.EVALUATE, Permission.READ})
_WRITE = _READ | {Permission.WRITE}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: _READ,
    Role.EDITOR: _WRITE,
    Role.ADMIN: _WRITE | {Permission.ADMINISTER},
    Role.SDK_SERVER: frozenset({Permission.EVALUATE}),
    Role.SDK_CLIENT: frozenset({Permission.EVALUATE}),
}
"""All that each role may do."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller. `expires_at` is Unix seconds; empty `flag_sets` means all of them.

    `is_own_only` where another issuer said who it is and nothing of what it may do: then it reads, but of
    what belongs to subjects only its own. `key_id` names the SDK key that it showed, "" where it did not.
    """

    subject: str
    role: Role
    expires_at: float
    flag_sets: tuple[str, ...] = ()
    is_own_only: bool = False
    key_id: str = ""


class Access:
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
        self._verifier = verifier
        self._signer = signer
        self._codes = codes
        self._store = store
        self._clock = clock
        self._note_key_use = note_key_use
        self._verified = VerifiedTokens[Identity](cached_tokens)

    def authenticate(self, token: str) -> Identity:
        """The identity that `token` proves, now.

        Raises UnauthenticatedError for anything but a valid token that has not expired,
        KeysUnavailableError where the keys that would tell are not known now.
        """
        generation = self._verifier.generation()
        identity = self._verified.get(token, generation=generation)
        if identity is None:
            identity = _identity(self._verifier.verify(token))
            self._verified.put(token, identity, generation=generation)
        now = self._clock()
        if identity.expires_at <= now:
            self._verified.drop(token)
            raise UnauthenticatedError("the token has expired")
        if identity.key_id and self._note_key_use is not None:
            self._note_key_use(identity.key_id, now)
        return identity

    def await_keys(self) -> None:
        """Wait, a few seconds at most, for keys that `authenticate` found missing; it may then know more."""
        self._verifier.await_keys()

    def require_subject(self, identity: Identity | None, subject: str | None, *, own: bool = False) -> None:
        """Let pass who may touch what belongs to `subject`; None means what belongs to everybody.

        Administrators may. With `own` (the user routes of a dialect) all others reach only what is theirs;
        without, only identities that are `is_own_only` are kept to that.

        Raises UnauthenticatedError without an identity, ForbiddenError.
        """
        if identity is None:
            raise UnauthenticatedError("a token is needed")
        if identity.role is Role.ADMIN or not (own or identity.is_own_only):
            return
        if subject != identity.subject:
            raise ForbiddenError("you can only reach what is your own")

    def require(self, identity: Identity | None, permission: Permission, flag_set: str | None = None) -> None:
        """Let pass only who may. `flag_set` None means that the act is not confined to one flag set.

        Raises UnauthenticatedError without an identity, ForbiddenError without the right.
        """
        if identity is None:
            raise NoCredentialsError("a token is needed")
        if permission not in PERMISSIONS[identity.role]:
            raise ForbiddenError(f"the role {identity.role.value} does not allow to {permission.value}")
        if identity.flag_sets and flag_set not in identity.flag_sets:
            where = "all flag sets at once" if flag_set is None else f"flag set {flag_set}"
            raise ForbiddenError(f"this token does not reach {where}")

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


def _identity(claims: TokenClaims) -> Identity:
    try:
        role = Role(claims.role)
    except ValueError:
        raise UnauthenticatedError("the token names a role that does not exist") from None
    return Identity(
        subject=claims.subject,
        role=role,
        expires_at=claims.expires_at,
        flag_sets=claims.flag_sets,
        is_own_only=claims.is_own_only,
        key_id=claims.key_id,
    )


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
