"""Delivery of audit events to sinks: how far each sink has come, and what it never got."""

import msgspec

from burgee.model.audit import AuditEvent


class DeliveryState(msgspec.Struct, frozen=True, kw_only=True):
    """How far one sink has come: the events up to `sequence` need nothing more.

    `attempts` counts those made for the next event; `failing_since` is when the failures began that still
    go on, None where the last attempt succeeded. Times are Unix seconds.
    """

    sequence: int = 0
    attempts: int = 0
    failing_since: float | None = None
    problem: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that a sink never got; the event itself is in the audit log at `sequence`.

    `number` is given by the store, from 1 on; `event_id` is the id that every attempt carried.
    """

    sink: str
    sequence: int
    event_id: str
    action: str
    attempts: int
    failing_since: float
    given_up_at: float
    problem: str
    number: int = 0


def event_id(event: AuditEvent) -> str:
    """What a receiver tells repeated deliveries by: the same for every attempt, and no dot in it."""
    return f"audit_{event.sequence}_{event.hash[:16]}"
