"""Access times in a table of their own in the database, which no flag is read from or written to."""

from collections.abc import Mapping

from burgee.adapters.access_times import MemoryAccessTimes
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.ports import AccessTimes, FlagStore

# Made with the first note and not with the other tables: files of an older Burgee get it too, an older
# Burgee does not see it (so that the schema version stays), and a full disk keeps nobody from starting.
TABLE = """
CREATE TABLE IF NOT EXISTS access_times (flag_id TEXT PRIMARY KEY NOT NULL, at REAL NOT NULL)
STRICT, WITHOUT ROWID
"""
NOTE = """
INSERT INTO access_times VALUES (?, ?)
ON CONFLICT (flag_id) DO UPDATE SET at = max(at, excluded.at)
"""
_IS_MADE = "SELECT 1 FROM sqlite_schema WHERE name = 'access_times'"
_LAST = "SELECT at FROM access_times WHERE flag_id = ?"


class SqliteAccessTimes:
    """AccessTimes in the file of a SqliteFlagStore; several processes may note at once."""

    def __init__(self, store: SqliteFlagStore) -> None:
        self._connections = store.connections

    def note(self, times: Mapping[str, float]) -> None:
        with self._connections.writing() as connection:
            connection.execute(TABLE)
            connection.executemany(NOTE, [(flag_id, float(at)) for flag_id, at in times.items()])

    def last(self, flag_id: str) -> float | None:
        with self._connections.reading() as connection:
            if connection.execute(_IS_MADE).fetchone() is None:
                return None
            row = connection.execute(_LAST, (flag_id,)).fetchone()
        return None if row is None else float(row[0])


def access_times_beside(store: FlagStore) -> AccessTimes:
    """The times kept with `store`: in its file, or in memory where it has none that can be written."""
    return SqliteAccessTimes(store) if isinstance(store, SqliteFlagStore) else MemoryAccessTimes()
