"""What a SQLite store holds beside its flags, read whole for a migration."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from burgee.adapters.sqlite.failures import translated
from burgee.adapters.sqlite.overrides import has_overrides
from burgee.adapters.sqlite.rows import overrides
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys
from burgee.adapters.sqlite.seals import decoded, unsealed
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.adapters.sqlite.usage import COLUMNS, count_of
from burgee.model.budget import RequestBudget
from burgee.model.change import IdempotencyRecord
from burgee.ports import OverrideMark
from burgee.ports.migration import AccessTime, LastEvaluated, OverridePage, Record, Remark

PAGE = 1_000


class SqliteBeside:
    """Beside of the flags of `store`; `usage` is the file of the counts, which need not be there."""

    def __init__(self, store: SqliteFlagStore, usage: Path) -> None:
        self._store, self._usage = store, usage
        self._connections = store.connections

    def override_mark(self) -> OverrideMark:
        if not has_overrides(self._store):
            return OverrideMark()
        with self._connections.reading() as connection:
            head = overrides.read_head(connection)
        return OverrideMark(sequence=head.sequence, count=head.count)

    def key_changes(self) -> int:
        return SqliteSdkKeys(self._store).sdk_key_changes()

    def overrides(self, *, after: str = "") -> Iterator[OverridePage]:
        sequence = int(after or 0)
        while has_overrides(self._store):
            with self._connections.reading() as connection:
                page = overrides.written_after(connection, sequence, limit=PAGE)
            if not page:
                return
            sequence = page[-1][0]
            yield OverridePage(page, str(sequence))

    def records(self, *, now: float) -> Iterator[Record]:
        keys, after = SqliteSdkKeys(self._store), ""
        while some := keys.sdk_keys(after=after, limit=PAGE):
            yield from some
            after = some[-1].id
        with self._connections.reading() as connection:
            yield from _budgets(connection)
            for row in connection.execute(
                "SELECT key, actor, expires_at, content, seal FROM idempotency WHERE expires_at > ?", (now,)
            ):
                yield decoded(unsealed("idempotency", row)[-1], IdempotencyRecord)
            if _is_there(connection, "access_times"):
                for flag_id, at in connection.execute("SELECT flag_id, at FROM access_times"):
                    yield AccessTime(flag_id=str(flag_id), at=float(str(at)))
        yield from self._counts()

    def remarks(self) -> Sequence[Remark]:
        """Deliveries are of this machine: on AWS events leave by a stream, and it knows no sinks."""
        found: list[Remark] = []
        last = self._store.audit_head()[0]
        with self._connections.reading() as connection:
            if _is_there(connection, "sinks"):
                for name, sequence in connection.execute("SELECT name, sequence FROM sinks ORDER BY name"):
                    waits = last - int(str(sequence))
                    reason = f"{waits} events wait for it" if waits else "it has had every event"
                    found.append(
                        Remark(
                            kind="sink", id=str(name), reason=f"how far it has come stays behind; {reason}"
                        )
                    )
            if _is_there(connection, "dead_letters"):
                for sink, sequence in connection.execute(
                    "SELECT sink, sequence FROM dead_letters ORDER BY number"
                ):
                    reason = "what a sink never got stays behind; the event itself is moved"
                    found.append(Remark(kind="dead letter", id=f"{sink} event {sequence}", reason=reason))
        return found

    def _counts(self) -> Iterator[Record]:
        if not self._usage.exists():
            return
        with translated(), closing(apsw.Connection(str(self._usage), flags=apsw.SQLITE_OPEN_READWRITE)) as c:
            c.set_busy_timeout(2_000)
            if not _is_there(c, "usage"):
                return
            for row in c.execute(f"SELECT {COLUMNS} FROM usage"):  # noqa: S608
                yield count_of(row)
            for flag_set, flag_key, at in c.execute("SELECT flag_set, flag_key, at FROM last_evaluated"):
                yield LastEvaluated(flag_set=str(flag_set), flag_key=str(flag_key), at=float(str(at)))


def _budgets(connection: apsw.Connection) -> Iterator[RequestBudget]:
    if _is_there(connection, "budgets"):
        for row in connection.execute("SELECT limit_type, content, seal FROM budgets"):
            yield decoded(unsealed("budgets", row)[-1], RequestBudget)


def _is_there(connection: apsw.Connection, table: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None
