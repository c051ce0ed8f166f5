"""Rows of overrides, and the one row that says how many there are, what they are, and when they changed."""

from collections.abc import Iterator

import apsw
import msgspec

from burgee.adapters.sqlite.seals import EMPTY_DIGEST, Value, decoded, seal_of, toggled, unsealed
from burgee.errors import StoreDamagedError
from burgee.model.override import Override, OverrideChange

TABLES = """
CREATE TABLE IF NOT EXISTS overrides (
    targeting_key TEXT NOT NULL, flag_set TEXT NOT NULL, flag_key TEXT NOT NULL, sequence INTEGER NOT NULL,
    content BLOB NOT NULL, seal BLOB NOT NULL, PRIMARY KEY (targeting_key, flag_set, flag_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS overrides_by_flag ON overrides (flag_set, flag_key, targeting_key);
CREATE INDEX IF NOT EXISTS overrides_by_sequence ON overrides (sequence);
CREATE TABLE IF NOT EXISTS override_head (
    sequence INTEGER NOT NULL, count INTEGER NOT NULL, digest BLOB NOT NULL, seal BLOB NOT NULL
) STRICT;
"""
"""An addition that older code ignores: made in the files that it wrote too."""

_COLUMNS = "targeting_key, flag_set, flag_key, sequence, content, seal"


class OverrideHead(msgspec.Struct, frozen=True, kw_only=True):
    """The audit sequence of the last change, how many rows there are, and the digest of their seals."""

    sequence: int = 0
    count: int = 0
    digest: bytes = EMPTY_DIGEST


class StoredOverride(msgspec.Struct, frozen=True):
    """What stands at a place, with the seal of its row."""

    override: Override
    seal: bytes


def are_there(connection: apsw.Connection) -> bool:
    """Whether the file has these tables; the head is the last to be made."""
    names = "SELECT count(*) FROM sqlite_schema WHERE name = 'override_head'"
    return bool(connection.execute(names).get == 1)


def create(connection: apsw.Connection) -> None:
    """Make what is missing, inside a transaction."""
    connection.execute(TABLES)
    if connection.execute("SELECT count(*) FROM override_head").get == 0:
        connection.execute("INSERT INTO override_head VALUES (?, ?, ?, ?)", _head_row(OverrideHead()))


def read_head(connection: apsw.Connection) -> OverrideHead:
    """Raises StoreDamagedError where there is none, or one that fails its seal."""
    row = connection.execute("SELECT sequence, count, digest, seal FROM override_head").fetchone()
    if row is None:
        raise StoreDamagedError("the head row of the overrides is missing")
    sequence, count, digest = unsealed("override_head", row)
    return OverrideHead(sequence=int(sequence), count=int(count), digest=bytes(digest))  # type: ignore[arg-type]


def write_head(connection: apsw.Connection, head: OverrideHead) -> None:
    """Replace the head."""
    connection.execute(
        "UPDATE override_head SET sequence = ?, count = ?, digest = ?, seal = ?", _head_row(head)
    )


def read(
    connection: apsw.Connection, flag_set: str, flag_key: str, targeting_key: str
) -> StoredOverride | None:
    """The override of that place."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM overrides WHERE flag_set = ? AND flag_key = ? AND targeting_key = ?",  # noqa: S608
        (flag_set, flag_key, targeting_key),
    ).fetchone()
    return None if row is None else StoredOverride(_override(row), bytes(row[-1]))


def of_subject(
    connection: apsw.Connection,
    targeting_key: str,
    *,
    flag_set: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> tuple[Override, ...]:
    """Ordered by (flag set, flag key)."""
    after_set, after_key = after if after is not None else ("", "")
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM overrides
        WHERE targeting_key = :subject AND (flag_set, flag_key) > (:after_set, :after_key)
          AND (:flag_set IS NULL OR flag_set = :flag_set)
        ORDER BY flag_set, flag_key LIMIT :limit
        """,  # noqa: S608
        {
            "subject": targeting_key,
            "after_set": after_set,
            "after_key": after_key,
            "flag_set": flag_set,
            "limit": max(0, limit),
        },
    )
    return tuple(_override(row) for row in rows)


def of_flag(
    connection: apsw.Connection, flag_set: str, flag_key: str, *, after: str, limit: int
) -> tuple[Override, ...]:
    """Ordered by targeting key."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM overrides
        WHERE flag_set = ? AND flag_key = ? AND targeting_key > ? ORDER BY targeting_key LIMIT ?
        """,  # noqa: S608
        (flag_set, flag_key, after, max(0, limit)),
    )
    return tuple(_override(row) for row in rows)


def subjects(connection: apsw.Connection) -> Iterator[str]:
    """Every subject once, with every row checked.

    Raises StoreDamagedError for a row that fails its seal, and at the end where the rows are not those that
    the head knows.
    """
    head = read_head(connection)
    last, count, digest = None, 0, 0
    for row in connection.execute(f"SELECT {_COLUMNS} FROM overrides ORDER BY targeting_key"):  # noqa: S608
        subject = unsealed("overrides", row)[0]
        count += 1
        digest ^= int.from_bytes(row[-1])
        if subject != last:
            last = subject
            yield str(subject)
    if (count, digest.to_bytes(32)) != (head.count, head.digest):
        raise StoreDamagedError("the overrides are not those that were last committed")


def changed_since(connection: apsw.Connection, sequence: int, *, limit: int) -> tuple[tuple[int, str], ...]:
    """(sequence, subject) of what was written after `sequence`."""
    rows = connection.execute(
        "SELECT sequence, targeting_key FROM overrides WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (sequence, max(0, limit)),
    )
    return tuple((int(at), str(subject)) for at, subject in rows)


def written_after(
    connection: apsw.Connection, sequence: int, *, limit: int
) -> tuple[tuple[int, Override], ...]:
    """(sequence, override) of what was written after `sequence` and is still there, in that order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM overrides WHERE sequence > ? ORDER BY sequence LIMIT ?",  # noqa: S608
        (sequence, max(0, limit)),
    )
    return tuple((int(str(row[3])), _override(row)) for row in rows)


def put(connection: apsw.Connection, override: Override, *, sequence: int) -> None:
    """Put a row as it was in another store; the head comes later, by `head_of_rows`."""
    columns = (
        override.targeting_key,
        override.flag_set,
        override.flag_key,
        sequence,
        msgspec.json.encode(override),
    )
    row = (*columns, seal_of("overrides", *columns))
    connection.execute("INSERT OR REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?)", row)


def head_of_rows(connection: apsw.Connection, *, sequence: int) -> OverrideHead:
    """The head that the rows have as they are, after the change at `sequence`."""
    count = digest = 0
    for (seal,) in connection.execute("SELECT seal FROM overrides"):
        count, digest = count + 1, digest ^ int.from_bytes(seal)
    return OverrideHead(sequence=sequence, count=count, digest=digest.to_bytes(32))


def write(
    connection: apsw.Connection,
    change: OverrideChange,
    before: StoredOverride | None,
    head: OverrideHead,
    *,
    sequence: int,
) -> OverrideHead:
    """Put the change in the place of `before`; returns the head afterwards, which the caller writes."""
    seals = [before.seal] if before is not None else []
    if change.override is not None:
        content = msgspec.json.encode(change.override)
        columns = (change.targeting_key, change.flag_set, change.flag_key, sequence, content)
        seals.append(seal_of("overrides", *columns))
        row = (*columns, seals[-1])
        connection.execute("INSERT OR REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?)", row)
    else:
        connection.execute(
            "DELETE FROM overrides WHERE flag_set = ? AND flag_key = ? AND targeting_key = ?", change.place
        )
    return OverrideHead(
        sequence=sequence,
        count=head.count + (change.override is not None) - (before is not None),
        digest=toggled(head.digest, *seals),
    )


def _override(row: tuple[Value, ...]) -> Override:
    return decoded(unsealed("overrides", row)[-1], Override)


def _head_row(head: OverrideHead) -> tuple[int, int, bytes, bytes]:
    columns = (head.sequence, head.count, head.digest)
    return (*columns, seal_of("override_head", *columns))
