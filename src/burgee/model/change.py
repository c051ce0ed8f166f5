"""A change set: everything that one publish writes, in one transaction or not at all."""

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet


class FlagWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One flag's next version. `expected_version` is the version read, 0 where the key was free.

    A `tombstone` instead of a `flag` deletes. A key that was deleted before goes on counting from its
    tombstone's version, which is then the `expected_version`.
    """

    expected_version: int
    flag: Flag | None = None
    tombstone: Tombstone | None = None


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an Idempotency-Key was used for, and the answer that it gave.

    `fingerprint` is a hex SHA-256 of method, path and body; `response` the answer's bytes as sent.
    """

    key: str
    actor: str
    fingerprint: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    response: bytes = b""
    expires_at: float = 0


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    """One publish of one flag set: its revision becomes `expected_revision + 1`.

    `flag_set` is the set as it shall be afterwards (its `revision` already the new one). `audit` events
    carry that revision. The store writes an outbox row beside each of them.
    """

    flag_set: FlagSet
    expected_revision: int
    writes: tuple[FlagWrite, ...] = ()
    audit: tuple[AuditDraft, ...] = ()
    idempotency: IdempotencyRecord | None = None
