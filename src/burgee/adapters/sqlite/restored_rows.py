"""Rows as they were in another store, and what binds them together, computed from what is there."""

import os
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from burgee.adapters.sqlite import access_times, budgets
from burgee.adapters.sqlite.rows import flag_sets, flags, head, history, overrides
from burgee.adapters.sqlite.rows.head import Head
from burgee.adapters.sqlite.sdk_keys import renumber_keys, write_key
from burgee.adapters.sqlite.seals import EMPTY_DIGEST, seal_of, toggled
from burgee.adapters.sqlite.usage import TABLES
from burgee.model.budget import RequestBudget
from burgee.model.change import IdempotencyRecord
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKey
from burgee.model.usage import UsageCount
from burgee.ports import OverrideMark
from burgee.ports.migration import AccessTime, FlagHistory, LastEvaluated, Record


def put_history(connection: apsw.Connection, flag: FlagHistory) -> None:
    """A flag or tombstone, and its steps."""
    flags.write(connection, flag.entity)
    for step in flag.steps:
        history.write(connection, step)


def put_set(connection: apsw.Connection, flag_set: FlagSet) -> None:
    """The set over the flags that are there."""
    digest, by_revision = EMPTY_DIGEST, dict[int, bytes]()
    for (seal,) in connection.execute("SELECT seal FROM flags WHERE flag_set = ?", (flag_set.key,)):
        digest = toggled(digest, bytes(seal))
    for revision, seal in connection.execute(
        "SELECT revision, seal FROM flag_versions WHERE flag_set = ?", (flag_set.key,)
    ):
        at = int(str(revision))
        by_revision[at] = toggled(by_revision.get(at, EMPTY_DIGEST), bytes(seal))
    for at in range(1, flag_set.revision + 1):
        history.write_revision(connection, flag_set.key, at, digest=by_revision.get(at, EMPTY_DIGEST))
    flag_sets.write(connection, flag_set, flags_digest=digest)


def clear_records(connection: apsw.Connection) -> None:
    """Forget the records of an interrupted run: in the source they may be others now."""
    connection.execute(budgets.TABLE)
    connection.execute(access_times.TABLE)
    for table in ("budgets", "access_times", "idempotency", "sdk_keys", "sdk_key_uses"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608


def put_records(connection: apsw.Connection, records: Sequence[Record]) -> None:
    """All but the counts, which are in a file of their own."""
    for record in records:
        match record:
            case SdkKey():
                write_key(connection, record)
                if record.last_used_at is not None:
                    use = (record.id, float(record.last_used_at))
                    connection.execute("INSERT OR REPLACE INTO sdk_key_uses VALUES (?, ?)", use)
            case RequestBudget():
                budgets.write_budget(connection, record)
            case IdempotencyRecord():
                columns = (record.key, record.actor, float(record.expires_at), msgspec.json.encode(record))
                row = (*columns, seal_of("idempotency", *columns))
                connection.execute("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)", row)
            case AccessTime():
                connection.execute(access_times.NOTE, (record.flag_id, float(record.at)))
            case _:
                continue


def open_counts(path: Path) -> apsw.Connection:
    """The file of the counts."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute(TABLES).fetchall()  # a pragma that answers would end the rest
    return connection


def clear_counts(connection: apsw.Connection) -> None:
    """Forget the counts of an interrupted run."""
    connection.execute("DELETE FROM usage; DELETE FROM last_evaluated;")


def put_counts(connection: apsw.Connection, counts: Sequence[UsageCount | LastEvaluated]) -> None:
    """As they were, not added to what is there."""
    for each in counts:
        if isinstance(each, UsageCount):
            row = (each.flag_set, each.flag_key, each.hour, each.variant, each.reason.value)
            more = (each.count, float(each.last_at))
            connection.execute("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, *more))
        else:
            last = (each.flag_set, each.flag_key, float(each.at))
            connection.execute("INSERT OR REPLACE INTO last_evaluated VALUES (?, ?, ?)", last)


def seal(
    connection: apsw.Connection, audit_head: tuple[int, str], mark: OverrideMark, *, key_changes: int
) -> None:
    """The heads over everything that is there."""
    digest = EMPTY_DIGEST
    for (of_set,) in connection.execute("SELECT seal FROM flag_sets"):
        digest = toggled(digest, bytes(of_set))
    sequence, audit_hash = audit_head
    head.write(connection, Head(audit_sequence=sequence, audit_hash=audit_hash, sets_digest=digest))
    overrides.write_head(connection, overrides.head_of_rows(connection, sequence=mark.sequence))
    renumber_keys(connection, last=key_changes)
