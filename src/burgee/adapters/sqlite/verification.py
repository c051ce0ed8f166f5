"""Prove that nothing is missing: a row's seal shows what was changed, only a digest shows what is gone."""

import apsw

from burgee.adapters.sqlite.rows import audit, flag_sets, flags, head
from burgee.errors import StoreDamagedError
from burgee.model.flag import Flag, Tombstone


class VerifiedSets:
    """Which sets were read whole and found complete, by the digest that they had then.

    Listing a set, or not finding a key in it, is only trusted after that. A commit of our own moves the
    digest along, so that a writer pays for reading a set once and not once for every change.
    """

    def __init__(self) -> None:
        self._digests: dict[str, bytes] = {}

    def require(self, connection: apsw.Connection, stored: flag_sets.StoredSet) -> None:
        """Raises StoreDamagedError where the set's flags are not those last committed."""
        key = stored.flag_set.key
        if self._digests.get(key) != stored.flags_digest:
            flags.read_set(connection, key, digest=stored.flags_digest)
            self._digests[key] = stored.flags_digest

    def require_key(self, connection: apsw.Connection, flag_set: str) -> None:
        """The same for the set of that key, where it exists."""
        stored = flag_sets.read(connection, flag_set)
        if stored is not None:
            self.require(connection, stored)

    def current(self, connection: apsw.Connection, flag_set: str, key: str) -> Flag | Tombstone | None:
        """What stands under a key; None only where the set is complete without it."""
        stored = flags.read(connection, flag_set, key)
        if stored is None:
            self.require_key(connection, flag_set)
            return None
        return stored.entity

    def version_of(self, connection: apsw.Connection, flag_set: str, key: str) -> int:
        """The version of what stands under a key, 0 where it never lived."""
        entity = self.current(connection, flag_set, key)
        return 0 if entity is None else entity.version

    def moved(self, key: str, *, before: bytes, after: bytes) -> None:
        """Our own commit took the set from one digest to the next."""
        if self._digests.get(key) == before:
            self._digests[key] = after

    def require_all(self, connection: apsw.Connection) -> None:
        """The same for every set."""
        for stored in flag_sets.read_all(connection):
            self.require(connection, stored)


def verify_all(connection: apsw.Connection, verified: VerifiedSets) -> None:
    """Read everything that evaluation stands on, and the end of the audit chain.

    Raises StoreDamagedError for the first thing that is not as it was committed.
    """
    verified.require_all(connection)
    top = head.read(connection)
    if top.audit_sequence and audit.read_hash(connection, top.audit_sequence) != top.audit_hash:
        raise StoreDamagedError(f"audit event {top.audit_sequence}, the last one, is missing or changed")
