"""Rows of audit events, each with its outbox row; the events seal themselves by their hash chain."""

import apsw
import msgspec

from burgee.adapters.sqlite.seals import Value
from burgee.errors import StoreDamagedError
from burgee.model.audit import AuditEvent, event_hash
from burgee.ports import AuditQuery

_COLUMNS = "sequence, at, actor, action, flag_set, flag_key, content"


def write(connection: apsw.Connection, event: AuditEvent) -> None:
    """Add the event, and the outbox row by which it reaches whoever must hear of it."""
    columns = (*_filters(event), msgspec.json.encode(event))
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", columns)
    connection.execute("INSERT INTO outbox VALUES (?, ?)", (event.sequence, event.hash))


def find(connection: apsw.Connection, query: AuditQuery) -> tuple[AuditEvent, ...]:
    """The events that `query` asks for, newest first; everything that a caller chose is a parameter.

    Raises StoreDamagedError where one fails its own hash.
    """
    parameters = {name: getattr(query, name) for name in query.__struct_fields__}
    within = msgspec.json.encode(query.within).decode() if query.within is not None else None
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM audit
        WHERE (:before IS NULL OR sequence < :before)
          AND (:within IS NULL OR flag_set IN (SELECT value FROM json_each(:within)))
          AND (:actor IS NULL OR actor = :actor)
          AND (:flag_set IS NULL OR flag_set = :flag_set)
          AND (:flag_key IS NULL OR flag_key = :flag_key)
          AND (:action IS NULL OR action = :action)
          AND (:since IS NULL OR at >= :since)
          AND (:until IS NULL OR at < :until)
        ORDER BY sequence DESC LIMIT :limit
        """,  # noqa: S608
        {**parameters, "within": within, "limit": max(0, query.limit)},
    )
    return tuple(_sound(_event(row)) for row in rows)


def read_range(connection: apsw.Connection, *, first: int, limit: int) -> tuple[AuditEvent, ...]:
    """Events as they stand, unchecked: finding the first bad one is what verification reads them for.

    One that cannot be read at all comes back as an event that breaks the chain at its place.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?",  # noqa: S608
        (first, max(0, limit)),
    )
    return tuple(_event(row) for row in rows)


def read_hash(connection: apsw.Connection, sequence: int) -> str | None:
    """The hash that the event at `sequence` has by its content, None where there is no such event."""
    events = read_range(connection, first=sequence, limit=1)
    return event_hash(events[0]) if events and events[0].sequence == sequence else None


def read_outbox(connection: apsw.Connection, *, first: int, limit: int) -> tuple[tuple[int, str], ...]:
    """(sequence, event hash) of what waits to be sent, oldest first."""
    rows = connection.execute(
        "SELECT sequence, event_hash FROM outbox WHERE sequence >= ? ORDER BY sequence LIMIT ?",
        (first, limit),
    )
    return tuple((int(sequence), str(found)) for sequence, found in rows)


def _event(row: tuple[Value, ...]) -> AuditEvent:
    *columns, content = row
    try:
        event = msgspec.json.decode(content if isinstance(content, bytes) else b"", type=AuditEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unreadable(columns[0])
    # A field whose name was damaged is passed over by the decoder: only the bytes themselves show it.
    as_written = columns == _filters(event) and content == msgspec.json.encode(event)
    return event if as_written else _unreadable(columns[0])


def _unreadable(sequence: Value) -> AuditEvent:
    return AuditEvent(
        at=0,
        actor="",
        action="event.unreadable",
        entity="",
        sequence=sequence if isinstance(sequence, int) else 0,
        previous_hash="",
        hash="",
    )


def _filters(event: AuditEvent) -> list[Value]:
    return [event.sequence, event.at, event.actor, event.action, event.flag_set, event.flag_key]


def _sound(event: AuditEvent) -> AuditEvent:
    if event.hash != event_hash(event):
        raise StoreDamagedError(f"audit event {event.sequence} fails its hash")
    return event
