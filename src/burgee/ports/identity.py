"""Who may come in: one-time codes, tokens and SDK keys."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.sdk_key import SdkKey


class SignInCodes(Protocol):
    """One-time sign-in codes, kept only as hashes."""

    def put(self, code_hash: str, *, expires_at: float) -> None: ...

    def take(self, code_hash: str, *, now: float) -> bool:
        """True exactly once for a code that was put and has not expired."""
        ...


class TokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token speaks for. Times are Unix seconds; empty `flag_sets` means all of them.

    `is_own_only` says that of what belongs to subjects, the bearer reaches only its own. `key_id` names
    the SDK key that was shown in place of a signed token.
    """

    subject: str
    role: str
    issued_at: float
    expires_at: float
    flag_sets: tuple[str, ...] = ()
    is_own_only: bool = False
    key_id: str = ""


class TokenSigner(Protocol):
    """Makes tokens that the verifier of the same server accepts."""

    def sign(self, claims: TokenClaims) -> str:
        """A token of these claims.

        Raises InvalidInputError where they make it too long to be accepted.
        """
        ...


class TokenVerifier(Protocol):
    """Reads tokens, and believes none that it cannot verify."""

    def verify(self, token: str) -> TokenClaims:
        """The claims of a token that is signed, in time and complete; never waits for the network.

        Raises UnauthenticatedError for every other string (UnidentifiedError where only the identity is
        missing), KeysUnavailableError where the keys that would tell are not known now.
        """
        ...

    def generation(self) -> int:
        """Another number once a token that was believed may no longer be; cheap enough for every request."""
        ...

    def await_keys(self) -> None:
        """Wait, a few seconds at most, for a look-up of keys that is under way."""
        ...


class SdkKeyStore(Protocol):
    """SDK keys, only as hashes. Every method may raise UnavailableError. Thread-safe."""

    def sdk_key(self, key_id: str) -> SdkKey | None: ...

    def sdk_keys(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        """Keys in the order of their ids, those above `after`."""
        ...

    def add_sdk_key(self, key: SdkKey, draft: AuditDraft, *, most: int) -> None:
        """Keep a new key, and record it, in one step.

        Raises ConflictError where `most` keys of that name are active already (at `draft.at`),
        AlreadyExistsError where the id is taken, ReadOnlyError, StoreFullError.
        """
        ...

    def revoke_sdk_key(self, key_id: str, draft: AuditDraft) -> SdkKey:
        """Revoke a key at `draft.at`, and record it, in one step; again changes and records nothing.

        Raises NotFoundError, ReadOnlyError, StoreFullError.
        """
        ...

    def note_sdk_key_uses(self, uses: Mapping[str, float]) -> None:
        """Remember when keys were last used, by id; unknown ids are passed over, and no time goes back."""
        ...

    def sdk_key_changes(self) -> int:
        """How many keys were made or revoked so far, by any process."""
