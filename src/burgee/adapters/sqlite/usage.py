"""SqliteUsageStore: counts in a file of their own, which every worker writes.

Beside the flags and not among them: statistics neither wait for a publish nor make one wait, do not look
like a publish to the other workers, and are thrown away where they are damaged. WAL without a sync for each
commit: power loss costs the last seconds of counts and never the file.
"""

import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from burgee.adapters.sqlite.failures import translated
from burgee.errors import StoreDamagedError, UnavailableError
from burgee.model.resolution import Reason
from burgee.model.usage import UsageCount

BUSY_MILLISECONDS = 2_000
COLUMNS = "flag_set, flag_key, hour, variant, reason, count, last_at"

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 4194304;
PRAGMA trusted_schema = OFF;
CREATE TABLE IF NOT EXISTS usage (
    flag_set TEXT NOT NULL, flag_key TEXT NOT NULL, hour INTEGER NOT NULL, variant TEXT NOT NULL,
    reason TEXT NOT NULL, count INTEGER NOT NULL, last_at REAL NOT NULL,
    PRIMARY KEY (flag_set, flag_key, hour, variant, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_by_hour ON usage (hour);
CREATE TABLE IF NOT EXISTS last_evaluated (
    flag_set TEXT NOT NULL, flag_key TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (flag_set, flag_key)
) STRICT, WITHOUT ROWID;
"""


class SqliteUsageStore:
    """UsageStore in the file `path`, opened when it is first needed, so that it never stops a start.

    With `repair` a damaged file is set aside as `path`-damaged and begun again; of several workers one
    does that, before the others open it.
    """

    def __init__(self, path: Path, *, repair: bool = True) -> None:
        self._path = path
        self._repair = repair
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._closed = False

    def add(self, counts: Sequence[UsageCount]) -> None:
        rows = [
            (e.flag_set, e.flag_key, e.hour, e.variant, e.reason.value, e.count, float(e.last_at))
            for e in counts
        ]
        with self._using("BEGIN IMMEDIATE") as connection:
            connection.executemany(
                """
                INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET
                    count = count + excluded.count, last_at = max(last_at, excluded.last_at)
                """,
                rows,
            )
            connection.executemany(
                """
                INSERT INTO last_evaluated VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET at = max(at, excluded.at)
                """,
                [(*row[:2], row[-1]) for row in rows],
            )

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:
        with self._using("BEGIN") as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM usage WHERE flag_set = ? AND flag_key = ? AND hour >= ?"  # noqa: S608
                " ORDER BY hour, variant, reason",
                (flag_set, flag_key, since),
            ).fetchall()
        return tuple(count_of(row) for row in rows)

    def last_evaluated(self, flags: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        with self._using("BEGIN") as connection:
            for place in flags:
                row = connection.execute(
                    "SELECT at FROM last_evaluated WHERE flag_set = ? AND flag_key = ?", place
                ).fetchone()
                if row is not None:
                    found[place] = float(row[0])
        return found

    def purge(self, *, before: int) -> None:
        with self._using("BEGIN IMMEDIATE") as connection:
            connection.execute("DELETE FROM usage WHERE hour < ?", (before,))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _using(self, begin: str) -> Iterator[apsw.Connection]:
        """The connection inside one transaction, committed when the block ends well."""
        with self._lock, translated(self._connection):
            if self._closed:
                raise UnavailableError("the usage store is closed")
            if self._connection is None:
                self._connection = self._open()
            connection = self._connection
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _open(self) -> apsw.Connection:
        try:
            with translated():
                return self._opened()
        except StoreDamagedError:
            if not self._repair:
                raise
        for ending in ("", "-wal", "-shm"):
            file = self._path.with_name(self._path.name + ending)
            if file.exists():
                file.replace(self._path.with_name(f"{self._path.name}-damaged{ending}"))
        return self._opened()

    def _opened(self) -> apsw.Connection:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise UnavailableError(f"{self._path} cannot be opened: {error.strerror}") from error
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            connection.execute(TABLES).fetchall()  # a pragma that answers would end the rest
        except BaseException:
            connection.close()
            raise
        return connection


def count_of(row: Sequence[object]) -> UsageCount:
    """The count of a row of `COLUMNS`.

    Raises StoreDamagedError.
    """
    flag_set, flag_key, hour, variant, reason, count, last_at = row
    try:
        return UsageCount(
            flag_set=str(flag_set),
            flag_key=str(flag_key),
            hour=int(str(hour)),
            variant=str(variant),
            reason=Reason(reason),
            count=int(str(count)),
            last_at=float(str(last_at)),
        )
    except ValueError as error:
        raise StoreDamagedError("a row of usage cannot be read") from error
