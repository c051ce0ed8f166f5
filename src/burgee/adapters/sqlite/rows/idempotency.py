"""Rows of idempotency records."""

import apsw
import msgspec

from burgee.adapters.sqlite.seals import decoded, seal_of, unsealed
from burgee.errors import AlreadyExistsError, IdempotencyReuseError
from burgee.model.change import IdempotencyRecord

_COLUMNS = "key, actor, expires_at, content, seal"


def read(connection: apsw.Connection, key: str, actor: str, *, now: float) -> IdempotencyRecord | None:
    """The record that has not expired at `now`."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM idempotency WHERE key = ? AND actor = ? AND expires_at > ?",  # noqa: S608
        (key, actor, now),
    ).fetchone()
    return None if row is None else decoded(unsealed("idempotency", row)[-1], IdempotencyRecord)


def write(connection: apsw.Connection, record: IdempotencyRecord, *, now: float) -> None:
    """Add the record.

    Raises IdempotencyReuseError, or AlreadyExistsError where the very same request is already applied.
    """
    known = read(connection, record.key, record.actor, now=now)
    if known is not None and known.fingerprint != record.fingerprint:
        raise IdempotencyReuseError(f"Idempotency-Key {record.key} was used for another request")
    if known is not None:
        raise AlreadyExistsError(f"the request with Idempotency-Key {record.key} is already applied")
    columns = (record.key, record.actor, float(record.expires_at), msgspec.json.encode(record))
    connection.execute(
        "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", (*columns, seal_of("idempotency", *columns))
    )


def purge(connection: apsw.Connection, *, now: float) -> None:
    """Forget what has expired at `now`."""
    connection.execute("DELETE FROM idempotency WHERE expires_at <= ?", (now,))
