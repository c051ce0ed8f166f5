"""SDK key: the secret by which a program evaluates flags, kept only as a hash."""

from enum import Enum

import msgspec


class SdkKind(Enum):
    """Where a key is used: on servers, where it stays secret, or in clients, where everybody can read it."""

    SERVER = "server"
    CLIENT = "client"


class SdkKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key as it is stored. Times are Unix seconds; empty `flag_sets` means all of them.

    `id` is the part of the key by which it is looked up, and no secret; `digest` is the hex SHA-256 of the
    whole key. `name` says what the key is for: the keys of one name take turns. `expires_at` None is for
    good.
    """

    id: str
    name: str
    kind: SdkKind
    digest: str
    flag_sets: tuple[str, ...] = ()
    created_at: float = 0
    created_by: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None

    def is_active(self, now: float) -> bool:
        """Whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
