"""The connections of one store: one that writes, one that watches, and readers as many as are busy."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from burgee.adapters.sqlite import schema
from burgee.adapters.sqlite.failures import translated
from burgee.adapters.sqlite.rows import head
from burgee.errors import StoreDamagedError, UnavailableError

BUSY_MILLISECONDS = 5_000
"""How long a writer waits for another process's transaction."""

WAL_BYTES = 16 * 1024 * 1024
"""What the write-ahead log is cut back to after a checkpoint."""

SETTINGS = f"""
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = {WAL_BYTES};
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
"""


class Connections:
    """Opens the file, makes it and its tables where it is missing, and closes everything again."""

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self._path = path
        self._vfs = vfs
        self._closed = False
        self._write_lock = threading.Lock()
        self._watch_lock = threading.Lock()
        self._idle: list[apsw.Connection] = []
        _keep_private(path)
        with translated():
            self._writer = self._open()
            try:
                schema.prepare(self._writer)
                self._watcher = self._open()
                self._identity = self._files()
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection inside one read transaction: everything read is of one commit."""
        with translated():
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """The connection inside one write transaction, committed durably when the block ends well."""
        with self._write_lock, translated(self._writer):
            self._refuse_replaced_files()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._commit()
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def token(self) -> int:
        """SQLite's `data_version`: another number once any other connection has committed."""
        with self._watch_lock, translated():
            return int(self._watcher.pragma("data_version"))

    def close(self) -> None:
        """Close them all; a second call does nothing."""
        with self._write_lock, self._watch_lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._watcher.close()
            self._writer.close()

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._vfs)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.execute(SETTINGS)
        return connection

    def _borrow(self) -> apsw.Connection:
        if self._closed:
            raise UnavailableError("the store is closed")
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _give_back(self, connection: apsw.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except apsw.IOError:
            self._bury_failed_commit()
            raise

    def _bury_failed_commit(self) -> None:
        # The frames of a commit whose sync failed may still lie whole in the log, and a restart would bring
        # back a change that its author was told had failed. Any other frame written over the first of them
        # breaks their checksums. Where that fails too, the next commit does it.
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            head.touch(self._writer)
            self._writer.execute("COMMIT")
        except apsw.Error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _refuse_replaced_files(self) -> None:
        # What is written into a file that has lost its name is lost with the process.
        if self._files() != self._identity:
            raise StoreDamagedError(f"{self._path.name} or its log was deleted or replaced while it was open")

    def _files(self) -> tuple[int, int]:
        try:
            log = self._path.with_name(self._path.name + "-wal")
            return self._path.stat().st_ino, log.stat().st_ino
        except FileNotFoundError:
            return 0, 0


def _keep_private(path: Path) -> None:
    # The log and its index get the rights of the database file from SQLite.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be opened: {error.strerror}") from error
