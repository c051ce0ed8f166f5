"""Rows of flags as they are now; a deleted key keeps its row, with its tombstone as content."""

import apsw
import msgspec

from burgee.adapters.queries import search_text
from burgee.adapters.sqlite.seals import EMPTY_DIGEST, Value, decoded, seal_of, toggled, unsealed
from burgee.errors import StoreDamagedError
from burgee.model.flag import Flag, Tombstone
from burgee.ports import FlagQuery

DELETED = "DELETED"
"""The status of a row that holds a tombstone."""

_COLUMNS = "flag_set, key, version, status, search, tags, content, seal"


class StoredFlag(msgspec.Struct, frozen=True):
    """What stands under a key, with the seal of its row."""

    entity: Flag | Tombstone
    seal: bytes


def read(connection: apsw.Connection, flag_set: str, key: str) -> StoredFlag | None:
    """What stands under the key; None is only as sure as the set is complete (see `verification`)."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM flags WHERE flag_set = ? AND key = ?",  # noqa: S608
        (flag_set, key),
    ).fetchone()
    return None if row is None else _stored(row)


def key_of(connection: apsw.Connection, flag_set: str, flag_id: str) -> str | None:
    """The key of the living flag with that id, found by looking into every flag of the set."""
    # The id stands in the content only; what matches there by chance (in a value, say) is read and left out.
    try:
        needle = b'"id":' + msgspec.json.encode(flag_id)
    except UnicodeEncodeError:
        return None
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM flags WHERE flag_set = ? AND status <> ? AND instr(content, ?) > 0",  # noqa: S608
        (flag_set, DELETED, needle),
    )
    found = (_stored(row).entity for row in rows)
    return next((each.key for each in found if isinstance(each, Flag) and each.id == flag_id), None)


def read_set(connection: apsw.Connection, flag_set: str, *, digest: bytes) -> tuple[Flag, ...]:
    """The flags of a whole set, ordered by key.

    Raises StoreDamagedError where its rows do not make up `digest`, or stand in an order by which a look-up
    would miss some.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM flags WHERE flag_set = ? ORDER BY key",  # noqa: S608
        (flag_set,),
    )
    stored = [_stored(row) for row in rows]
    keys = [each.entity.key for each in stored]
    if toggled(EMPTY_DIGEST, *(each.seal for each in stored)) != digest or keys != sorted(keys):
        raise StoreDamagedError(f"the flags of {flag_set} are not those that were last committed")
    return tuple(each.entity for each in stored if isinstance(each.entity, Flag))


def find(connection: apsw.Connection, query: FlagQuery) -> tuple[Flag, ...]:
    """The flags that `query` asks for; everything that a caller chose is a parameter."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM flags
        WHERE status <> :deleted
          AND (:within IS NULL OR flag_set IN (SELECT value FROM json_each(:within)))
          AND (:flag_set IS NULL OR flag_set = :flag_set)
          AND (:status IS NULL OR status = :status)
          AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE json_each.value = :tag))
          AND instr(search, :search) > 0
          AND (flag_set, key) > (:after_set, :after_key)
        ORDER BY flag_set, key LIMIT :limit
        """,  # noqa: S608
        {
            "deleted": DELETED,
            "within": msgspec.json.encode(query.within).decode() if query.within is not None else None,
            "flag_set": query.flag_set,
            "status": query.status.value if query.status is not None else None,
            "tag": query.tag,
            "search": query.search.casefold(),
            "after_set": query.after[0] if query.after is not None else "",
            "after_key": query.after[1] if query.after is not None else "",
            "limit": max(0, query.limit),
        },
    )
    return tuple(entity for row in rows if isinstance(entity := _stored(row).entity, Flag))


def write(connection: apsw.Connection, entity: Flag | Tombstone) -> bytes:
    """Put the entity in place of its predecessor; returns the seal of its row."""
    if isinstance(entity, Flag):
        filters = (entity.status.value, search_text(entity), msgspec.json.encode(entity.tags).decode())
    else:
        filters = (DELETED, "", "[]")
    columns = (entity.flag_set, entity.key, entity.version, *filters, msgspec.json.encode(entity))
    seal = seal_of("flags", *columns)
    connection.execute("INSERT OR REPLACE INTO flags VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*columns, seal))
    return seal


def _stored(row: tuple[Value, ...]) -> StoredFlag:
    columns = unsealed("flags", row)
    kind = Tombstone if columns[3] == DELETED else Flag
    return StoredFlag(decoded(columns[-1], kind), bytes(row[-1]))  # type: ignore[arg-type]
