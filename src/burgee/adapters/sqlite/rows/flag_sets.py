"""Rows of flag sets; each carries the digest of its flags."""

import apsw
import msgspec

from burgee.adapters.sqlite.rows import head
from burgee.adapters.sqlite.seals import EMPTY_DIGEST, Value, decoded, seal_of, toggled, unsealed
from burgee.errors import StoreDamagedError
from burgee.model.flag_set import FlagSet

_COLUMNS = "key, revision, flags_digest, content, seal"


class StoredSet(msgspec.Struct, frozen=True, kw_only=True):
    """A flag set with the digest of its flags' rows, deleted ones included, and its own seal."""

    flag_set: FlagSet
    flags_digest: bytes = EMPTY_DIGEST
    seal: bytes = EMPTY_DIGEST


def read(connection: apsw.Connection, key: str) -> StoredSet | None:
    """The set, None where there is none: then the others are counted, in case this one was lost."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM flag_sets WHERE key = ?", (key,)).fetchone()  # noqa: S608
    if row is None:
        read_all(connection)
        return None
    return _stored(row)


def read_all(connection: apsw.Connection) -> tuple[StoredSet, ...]:
    """Every set, in the order of selection.

    Raises StoreDamagedError where they are not those that the head knows.
    """
    rows = connection.execute(f"SELECT {_COLUMNS} FROM flag_sets")  # noqa: S608
    stored = [_stored(row) for row in rows]
    if toggled(EMPTY_DIGEST, *(each.seal for each in stored)) != head.read(connection).sets_digest:
        raise StoreDamagedError("the flag sets are not those that were last committed")
    return tuple(sorted(stored, key=lambda each: (each.flag_set.priority, each.flag_set.key)))


def write(connection: apsw.Connection, flag_set: FlagSet, *, flags_digest: bytes) -> bytes:
    """Put the set in place of its predecessor; returns its seal."""
    columns = (flag_set.key, flag_set.revision, flags_digest, msgspec.json.encode(flag_set))
    seal = seal_of("flag_sets", *columns)
    connection.execute("INSERT OR REPLACE INTO flag_sets VALUES (?, ?, ?, ?, ?)", (*columns, seal))
    return seal


def _stored(row: tuple[Value, ...]) -> StoredSet:
    _key, _revision, digest, content = unsealed("flag_sets", row)
    return StoredSet(flag_set=decoded(content, FlagSet), flags_digest=bytes(digest), seal=bytes(row[-1]))  # type: ignore[arg-type]
