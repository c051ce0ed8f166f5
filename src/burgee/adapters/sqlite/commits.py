"""What one commit writes, inside the transaction that its caller has begun."""

from collections.abc import Iterable, Sequence

import apsw
import msgspec

from burgee.adapters.sqlite.rows import audit, flag_sets, flags, head, history, idempotency
from burgee.adapters.sqlite.rows.flag_sets import StoredSet
from burgee.adapters.sqlite.seals import EMPTY_DIGEST, toggled
from burgee.adapters.sqlite.verification import VerifiedSets
from burgee.errors import VersionConflictError
from burgee.model.audit import AuditDraft, AuditEvent, chain
from burgee.model.change import ChangeSet, FlagWrite, history_steps, written
from burgee.model.flag_set import FlagSet


class DigestMove(msgspec.Struct, frozen=True):
    """A set's flags digest before and after a change of this commit."""

    key: str
    before: bytes
    after: bytes


class Commit:
    """One commit in the making; `events` and `moves` are true once the transaction is."""

    def __init__(self, connection: apsw.Connection, *, now: float, verified: VerifiedSets) -> None:
        self._connection = self.connection = connection
        self._now = now
        self._verified = verified
        self._head = head.read(connection)
        self.events: list[AuditEvent] = []
        self.moves: list[DigestMove] = []

    @property
    def last_sequence(self) -> int:
        """The sequence of the last event so far; the next one has the next number."""
        return self._head.audit_sequence

    def apply(self, changes: Sequence[ChangeSet]) -> None:
        """Raises VersionConflictError, IdempotencyReuseError, AlreadyExistsError, StoreDamagedError."""
        idempotency.purge(self._connection, now=self._now)
        for change in changes:
            self._publish(change)
            if change.idempotency is not None:
                idempotency.write(self._connection, change.idempotency, now=self._now)
            self.record(change.audit)

    def record(self, drafts: Iterable[AuditDraft]) -> None:
        """Chain the events to the head, and move it."""
        for draft in drafts:
            event = chain(draft, sequence=self._head.audit_sequence + 1, previous_hash=self._head.audit_hash)
            audit.write(self._connection, event)
            self.events.append(event)
            self._head = msgspec.structs.replace(
                self._head, audit_sequence=event.sequence, audit_hash=event.hash
            )
        head.write(self._connection, self._head)

    def _publish(self, change: ChangeSet) -> None:
        key, revision = change.flag_set.key, change.flag_set.revision
        before = flag_sets.read(self._connection, key)
        _expect(
            f"flag set {key} is at revision",
            before.flag_set.revision if before else 0,
            change.expected_revision,
        )
        digest = old_digest = before.flags_digest if before else EMPTY_DIGEST
        if before is not None and any(write.expected_version == 0 for write in change.writes):
            self._verified.require(self._connection, before)  # a key that was lost must not look free
        steps = EMPTY_DIGEST
        for write, step in zip(change.writes, history_steps(change), strict=True):
            digest = toggled(digest, *self._replace(write))
            steps = toggled(steps, history.write(self._connection, step))
        history.write_revision(self._connection, key, revision, digest=steps)
        self._put_set(change.flag_set, before, digest)
        self.moves.append(DigestMove(key, old_digest, digest))

    def _replace(self, write: FlagWrite) -> list[bytes]:
        """Write one flag or tombstone; returns the seals that leave and enter the set's digest."""
        entity = written(write)
        current = flags.read(self._connection, entity.flag_set, entity.key)
        _expect(
            f"flag {entity.key} is at version",
            current.entity.version if current else 0,
            write.expected_version,
        )
        seals = [current.seal] if current is not None else []
        return [*seals, flags.write(self._connection, entity)]

    def _put_set(self, flag_set: FlagSet, before: StoredSet | None, digest: bytes) -> None:
        seals = [before.seal] if before is not None else []
        seals.append(flag_sets.write(self._connection, flag_set, flags_digest=digest))
        self._head = msgspec.structs.replace(self._head, sets_digest=toggled(self._head.sets_digest, *seals))


def _expect(what: str, current: int, expected: int) -> None:
    if current != expected:
        raise VersionConflictError(f"{what} {current}, not {expected}", current=current)
