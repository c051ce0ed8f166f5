"""The head: one row that binds everything else together, rewritten by every commit."""

import apsw
import msgspec

from burgee.adapters.sqlite.seals import EMPTY_DIGEST, seal_of, unsealed
from burgee.errors import StoreDamagedError
from burgee.model.audit import GENESIS_HASH


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The last audit event's place and hash, and the digest of the rows of all flag sets."""

    audit_sequence: int = 0
    audit_hash: str = GENESIS_HASH
    sets_digest: bytes = EMPTY_DIGEST


def create(connection: apsw.Connection) -> None:
    """Write the head of an empty store."""
    connection.execute(
        "INSERT INTO head (audit_sequence, audit_hash, sets_digest, seal) VALUES (?, ?, ?, ?)", _row(Head())
    )


def read(connection: apsw.Connection) -> Head:
    """Raises StoreDamagedError where there is none, or one that fails its seal."""
    row = connection.execute("SELECT audit_sequence, audit_hash, sets_digest, seal FROM head").fetchone()
    if row is None:
        raise StoreDamagedError("the head row is missing")
    sequence, audit_hash, digest = unsealed("head", row)
    return Head(audit_sequence=int(sequence), audit_hash=str(audit_hash), sets_digest=bytes(digest))  # type: ignore[arg-type]


def write(connection: apsw.Connection, head: Head) -> None:
    """Replace the head."""
    connection.execute(
        "UPDATE head SET audit_sequence = ?, audit_hash = ?, sets_digest = ?, seal = ?", _row(head)
    )


def touch(connection: apsw.Connection) -> None:
    """Change a page of the file, and nothing that is read."""
    connection.execute("UPDATE head SET buried = buried + 1")


def _row(head: Head) -> tuple[int, str, bytes, bytes]:
    columns = (head.audit_sequence, head.audit_hash, head.sets_digest)
    return (*columns, seal_of("head", *columns))
