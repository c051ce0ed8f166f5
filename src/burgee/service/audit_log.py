"""The audit log: reading it, and proving that nobody has changed it."""

import msgspec

from burgee.model.audit import GENESIS_HASH, AuditEvent, first_broken
from burgee.ports import AuditQuery, FlagStore

_PAGE = 1_000


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a walk along the hash chain found: `first_broken` is a sequence, None where the chain holds."""

    ok: bool
    checked: int
    first_broken: int | None = None


class AuditLog:
    """Who changed what, when, from which version."""

    def __init__(self, store: FlagStore) -> None:
        self._store = store

    def list(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        """Events newest first; the next page starts `before` the sequence of the last one."""
        return self._store.audit_events(query)

    def verify(self) -> Verification:
        """Follow the chain from its first event to the head that the store had when the walk began.

        An event missing at the end counts as broken there.
        """
        head, _ = self._store.audit_head()
        checked, previous_hash = 0, GENESIS_HASH
        while checked < head:
            first = checked + 1
            events = self._store.audit_range(first=first, limit=min(_PAGE, head - checked))
            broken = first_broken(events, previous_hash=previous_hash, first=first)
            if broken is not None or not events:
                at = broken if broken is not None else first
                return Verification(ok=False, checked=at - 1, first_broken=at)
            checked, previous_hash = events[-1].sequence, events[-1].hash
        return Verification(ok=True, checked=checked)
