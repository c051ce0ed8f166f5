"""What APSW raises, as what the caller has to decide."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from burgee.errors import BurgeeError, ReadOnlyError, StoreDamagedError, StoreFullError, UnavailableError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, and the size limit of one file: SQLite knows the first of them as full."""

FULL_RETRY_SECONDS = 30.0

ADVICE = "see docs/guides/backup-and-recovery.md"
"""What every read-only reason ends with."""


@contextmanager
def translated(connection: apsw.Connection | None = None) -> Iterator[None]:
    """Raise errors of our family in place of APSW's; `connection` is asked for the system's error number."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise StoreDamagedError("the database file is damaged: text that is not UTF-8") from error
    except apsw.Error as error:
        raise _translation(error, connection) from error


def _translation(error: apsw.Error, connection: apsw.Connection | None) -> BurgeeError:
    match error:
        case apsw.FullError():
            return StoreFullError("the disk is full", retry_after=FULL_RETRY_SECONDS)
        case apsw.CorruptError() | apsw.NotADBError() | apsw.SQLError() | apsw.FormatError():
            return StoreDamagedError(f"the database file is damaged: {error}")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return ReadOnlyError("the database file cannot be written by this process")
        case apsw.BusyError() | apsw.LockedError():
            return UnavailableError("another process is writing; try again")
        case apsw.IOError() if connection is not None and connection.system_errno in _NO_ROOM:
            return StoreFullError("the disk is full", retry_after=FULL_RETRY_SECONDS)
        case _:
            return UnavailableError(f"the database failed: {error}")
