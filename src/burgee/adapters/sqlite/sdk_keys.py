"""SDK keys in the database, so that every worker of a server knows them."""

from collections.abc import Mapping

import apsw
import msgspec

from burgee.adapters.memory_sdk_keys import MemorySdkKeys, too_many, unknown
from burgee.adapters.sqlite.seals import Value, decoded, seal_of, unsealed
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.wrappers.read_only import ReadOnlyFlagStore
from burgee.errors import AlreadyExistsError
from burgee.model.audit import AuditDraft
from burgee.model.sdk_key import SdkKey
from burgee.ports import FlagStore, SdkKeyStore

MOST_KEYS = 100_000
"""How many keys a server that only reads takes over."""

_SELECT = (
    "SELECT sdk_keys.id, name, change, content, seal, used_at FROM sdk_keys "
    "LEFT JOIN sdk_key_uses ON sdk_key_uses.id = sdk_keys.id"
)


class SqliteSdkKeys:
    """An SdkKeyStore in the file of a SqliteFlagStore."""

    def __init__(self, store: SqliteFlagStore) -> None:
        self._store = store

    def sdk_key(self, key_id: str) -> SdkKey | None:
        with self._store.connections.reading() as connection:
            return _read(connection, key_id)

    def sdk_keys(self, *, after: str = "", limit: int = 100) -> tuple[SdkKey, ...]:
        with self._store.connections.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE sdk_keys.id > ? ORDER BY sdk_keys.id LIMIT ?", (after, max(0, limit))
            )
            return tuple(_key(row) for row in rows)

    def add_sdk_key(self, key: SdkKey, draft: AuditDraft, *, most: int) -> None:
        with self._store.recording(draft) as connection:
            if _read(connection, key.id) is not None:
                raise AlreadyExistsError(f"there is a key {key.id} already")
            rows = connection.execute(f"{_SELECT} WHERE name = ?", (key.name,))
            if sum(_key(row).is_active(draft.at) for row in rows) >= most:
                raise too_many(key.name, most)
            write_key(connection, key)

    def revoke_sdk_key(self, key_id: str, draft: AuditDraft) -> SdkKey:
        try:
            with self._store.recording(draft) as connection:
                key = _read(connection, key_id)
                if key is None:
                    raise unknown(key_id)
                if key.revoked_at is not None:
                    raise _NothingToDo(key)
                key = msgspec.structs.replace(key, revoked_at=draft.at)
                write_key(connection, key)
                return key
        except _NothingToDo as rolled_back:
            return rolled_back.key

    def note_sdk_key_uses(self, uses: Mapping[str, float]) -> None:
        with self._store.connections.writing() as connection:
            connection.executemany(
                "INSERT INTO sdk_key_uses SELECT id, ?2 FROM sdk_keys WHERE id = ?1 "
                "ON CONFLICT (id) DO UPDATE SET used_at = max(used_at, excluded.used_at)",
                [(key_id, float(used_at)) for key_id, used_at in uses.items()],
            )

    def sdk_key_changes(self) -> int:
        with self._store.connections.reading() as connection:
            return _changes(connection)


class _NothingToDo(Exception):
    """Ends a transaction that found the key revoked already, before anything is recorded."""

    def __init__(self, key: SdkKey) -> None:
        self.key = key
        super().__init__()


def sdk_keys_beside(store: FlagStore) -> SdkKeyStore:
    """The keys kept with `store`: in its file, or in memory where it has none that can be written.

    A database that is only read still says which keys there were.
    """
    if isinstance(store, SqliteFlagStore):
        return SqliteSdkKeys(store)
    if isinstance(store, ReadOnlyFlagStore) and isinstance(store.inner, SqliteFlagStore):
        return MemorySdkKeys(store, initial=SqliteSdkKeys(store.inner).sdk_keys(limit=MOST_KEYS))
    return MemorySdkKeys(store)


def _read(connection: apsw.Connection, key_id: str) -> SdkKey | None:
    row = connection.execute(f"{_SELECT} WHERE sdk_keys.id = ?", (key_id,)).fetchone()
    return None if row is None else _key(row)


def _key(row: tuple[Value, ...]) -> SdkKey:
    *columns, used_at = row
    key = decoded(unsealed("sdk_keys", columns)[-1], SdkKey)
    return msgspec.structs.replace(key, last_used_at=used_at) if isinstance(used_at, float) else key


def write_key(connection: apsw.Connection, key: SdkKey) -> None:
    """Put the key in place of its predecessor; when it was used stands elsewhere."""
    stored = msgspec.structs.replace(key, last_used_at=None)
    columns = (key.id, key.name, _changes(connection) + 1, msgspec.json.encode(stored))
    connection.execute(
        "INSERT OR REPLACE INTO sdk_keys VALUES (?, ?, ?, ?, ?)", (*columns, seal_of("sdk_keys", *columns))
    )


def _changes(connection: apsw.Connection) -> int:
    changes = connection.execute("SELECT max(change) FROM sdk_keys").get
    return changes if isinstance(changes, int) else 0


def renumber_keys(connection: apsw.Connection, *, last: int) -> None:
    """Let the newest change have the number `last`, as in the store that the keys come from."""
    row = connection.execute(
        "SELECT id, name, change, content, seal FROM sdk_keys ORDER BY change DESC LIMIT 1"
    ).fetchone()
    if row is not None and int(str(row[2])) != last:
        key_id, name, _, content = unsealed("sdk_keys", row)
        columns = (key_id, name, last, content)
        connection.execute(
            "UPDATE sdk_keys SET change = ?, seal = ? WHERE id = ?",
            (last, seal_of("sdk_keys", *columns), key_id),
        )
