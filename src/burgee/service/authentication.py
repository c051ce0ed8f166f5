"""Authentication: who is asking, and what they may do. Whatever is not granted is denied.

It stands apart from issuing (`burgee.service.access`), since evaluation on Lambda needs only this half, and
pays for every import at each cold start.
"""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from burgee.errors import ForbiddenError, NoCredentialsError, UnauthenticatedError
from burgee.service.verified_tokens import VerifiedTokens

if TYPE_CHECKING:
    from burgee.ports import Clock, TokenClaims, TokenVerifier


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


class Authentication:
    """Verifies tokens and decides what they allow."""

    def __init__(
        self,
        verifier: "TokenVerifier",
        clock: "Clock",
        *,
        cached_tokens: int = 4_096,
        note_key_use: Callable[[str, float], object] | None = None,
    ) -> None:
        self._verifier = verifier
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


def _identity(claims: "TokenClaims") -> Identity:
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
