"""Where audit events go, and how far each of these has come."""

from collections.abc import Sequence
from typing import Protocol

from burgee.model.audit import AuditEvent
from burgee.model.delivery import DeadLetter, DeliveryState


class AuditSink(Protocol):
    """Where audit events go, in order and at least once.

    `batch` is how many it takes at a time. Where it has never had any, it begins with the first event of
    all (`from_start`) or with the next one. An event is given up once the sink has failed, and the event
    has waited, for `patience_seconds`.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    @property
    def from_start(self) -> bool: ...

    @property
    def patience_seconds(self) -> float: ...

    def deliver(self, events: Sequence[AuditEvent]) -> None:
        """Take all of `events`. Raises UnavailableError: then all of them come again."""
        ...


class Deliveries(Protocol):
    """What is remembered of deliveries, beside the events. Every method may raise UnavailableError."""

    def state(self, sink: str) -> DeliveryState | None:
        """How far `sink` has come, None where it never had any."""
        ...

    def keep(self, sink: str, state: DeliveryState, *, dead: DeadLetter | None = None) -> None:
        """Remember both at once; what every sink has got leaves the outbox."""
        ...

    def dead_letters(self, *, before: int | None = None, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Newest first, only numbers below `before`."""
        ...
