"""A change set: everything that one publish writes, in one transaction or not at all."""

import msgspec

from burgee.model.audit import AuditDraft
from burgee.model.flag import Flag, FlagVersion, Tombstone
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


def check_change_set(change: ChangeSet) -> None:
    """Refuse what no publisher may hand to a store; stores call it before they write.

    Raises ValueError: a revision or version that does not follow the expected one, a write with not
    exactly one of flag and tombstone, a flag of another set, a change without an audit event.
    """
    if change.flag_set.revision != change.expected_revision + 1:
        raise ValueError(f"revision {change.flag_set.revision} does not follow {change.expected_revision}")
    if not change.audit:
        raise ValueError("a change set carries at least one audit event")
    for write in change.writes:
        entity = written(write)
        if (write.flag is None) == (write.tombstone is None):
            raise ValueError("a write holds a flag or a tombstone")
        if entity.flag_set != change.flag_set.key:
            raise ValueError(f"{entity.key} is of flag set {entity.flag_set}, not {change.flag_set.key}")
        if entity.version != write.expected_version + 1:
            raise ValueError(f"version {entity.version} does not follow {write.expected_version}")


def written(write: FlagWrite) -> Flag | Tombstone:
    """What `write` leaves behind.

    Raises ValueError where it holds neither a flag nor a tombstone.
    """
    entity = write.flag or write.tombstone
    if entity is None:
        raise ValueError("a write holds a flag or a tombstone")
    return entity


def history_steps(change: ChangeSet) -> tuple[FlagVersion, ...]:
    """The steps of history that `change` makes, one for each write.

    Who, when and what come from the audit event of the flag, or from the first where it has none.
    """
    audit = {draft.flag_key: draft for draft in reversed(change.audit)}
    return tuple(
        _step(change, write, audit.get(written(write).key, change.audit[0])) for write in change.writes
    )


def _step(change: ChangeSet, write: FlagWrite, audit: AuditDraft) -> FlagVersion:
    entity = written(write)
    return FlagVersion(
        flag_set=entity.flag_set,
        key=entity.key,
        version=entity.version,
        revision=change.flag_set.revision,
        at=audit.at,
        actor=audit.actor,
        action=audit.action,
        flag=write.flag,
    )
