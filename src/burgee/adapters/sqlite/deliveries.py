"""SqliteDeliveries: how far each sink has come, in the file of the events: both are restored as one."""

from collections.abc import Collection, Sequence

import apsw

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_deliveries import MemoryDeliveries
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.model.delivery import DeadLetter, DeliveryState
from burgee.ports import Deliveries, FlagStore

_TABLES = """
CREATE TABLE IF NOT EXISTS sinks (
    name TEXT PRIMARY KEY NOT NULL, sequence INTEGER NOT NULL, attempts INTEGER NOT NULL,
    failing_since REAL, problem TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, sink TEXT NOT NULL, sequence INTEGER NOT NULL,
    event_id TEXT NOT NULL, action TEXT NOT NULL, attempts INTEGER NOT NULL, failing_since REAL NOT NULL,
    given_up_at REAL NOT NULL, problem TEXT NOT NULL, UNIQUE (sink, sequence)
) STRICT;
"""


class SqliteDeliveries:
    """Deliveries beside the events of `store`; `sinks` are those of this server, none for who only reads.

    The tables are made when there is a sink to keep: code that does not know them passes them over.
    """

    def __init__(self, store: SqliteFlagStore, *, sinks: Collection[str] = ()) -> None:
        self._connections = store.connections
        self._sinks = tuple(sinks)
        if self._sinks:
            with self._connections.writing() as connection:
                connection.execute(_TABLES)

    def state(self, sink: str) -> DeliveryState | None:
        with self._connections.reading() as connection:
            if not _is_there(connection):
                return None
            row = connection.execute(
                "SELECT sequence, attempts, failing_since, problem FROM sinks WHERE name = ?", (sink,)
            ).fetchone()
        if row is None:
            return None
        sequence, attempts, failing_since, problem = row
        return DeliveryState(
            sequence=int(str(sequence)),
            attempts=int(str(attempts)),
            failing_since=None if failing_since is None else float(str(failing_since)),
            problem=str(problem),
        )

    def keep(self, sink: str, state: DeliveryState, *, dead: DeadLetter | None = None) -> None:
        with self._connections.writing() as connection:
            connection.execute(
                """
                INSERT INTO sinks VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET
                    sequence = excluded.sequence, attempts = excluded.attempts,
                    failing_since = excluded.failing_since, problem = excluded.problem
                WHERE excluded.sequence >= sequence
                """,
                (sink, state.sequence, state.attempts, state.failing_since, state.problem),
            )
            if dead is not None:
                connection.execute(
                    "INSERT OR IGNORE INTO dead_letters VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", _row(dead)
                )
            self._trim(connection)

    def dead_letters(self, *, before: int | None = None, limit: int = 100) -> tuple[DeadLetter, ...]:
        with self._connections.reading() as connection:
            if not _is_there(connection):
                return ()
            rows = connection.execute(
                "SELECT * FROM dead_letters WHERE :before IS NULL OR number < :before"
                " ORDER BY number DESC LIMIT :limit",
                {"before": before, "limit": max(0, limit)},
            ).fetchall()
        return tuple(_letter(row) for row in rows)

    def _trim(self, connection: apsw.Connection) -> None:
        """What each sink of this server has got waits no more; a sink that never had any waits for all."""
        rows = connection.execute("SELECT name, sequence FROM sinks").fetchall()
        marks = {str(name): int(str(sequence)) for name, sequence in rows}
        done = min([marks.get(sink, 0) for sink in self._sinks], default=0)
        connection.execute("DELETE FROM outbox WHERE sequence <= ?", (done,))


def deliveries_beside(store: FlagStore, *, sinks: Collection[str] = ()) -> Deliveries | None:
    """What is kept with `store`; None where that cannot be written."""
    if isinstance(store, SqliteFlagStore):
        return SqliteDeliveries(store, sinks=sinks)
    return MemoryDeliveries() if isinstance(store, MemoryFlagStore) else None


def _is_there(connection: apsw.Connection) -> bool:
    found = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('sinks', 'dead_letters')"
    ).get
    return bool(found == 2)


def _row(letter: DeadLetter) -> tuple[str | int | float, ...]:
    return (
        letter.sink,
        letter.sequence,
        letter.event_id,
        letter.action,
        letter.attempts,
        float(letter.failing_since),
        float(letter.given_up_at),
        letter.problem,
    )


def _letter(row: Sequence[object]) -> DeadLetter:
    number, sink, sequence, event_id, action, attempts, failing_since, given_up_at, problem = row
    return DeadLetter(
        number=int(str(number)),
        sink=str(sink),
        sequence=int(str(sequence)),
        event_id=str(event_id),
        action=str(action),
        attempts=int(str(attempts)),
        failing_since=float(str(failing_since)),
        given_up_at=float(str(given_up_at)),
        problem=str(problem),
    )
