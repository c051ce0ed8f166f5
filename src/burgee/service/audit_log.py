"""The audit log: reading it, and proving that nobody has changed it."""

from collections.abc import Sequence

import msgspec

from burgee.model.audit import GENESIS_HASH, AuditEvent, first_broken
from burgee.model.delivery import DeadLetter
from burgee.ports import AuditQuery, Deliveries, ExportedHead, FlagStore

_PAGE = 1_000
_LOWEST = -(2**63)


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a walk along the hash chain found: `first_broken` is a sequence, None where the chain holds."""

    ok: bool
    checked: int
    first_broken: int | None = None


class AuditLog:
    """Who changed what, when, from which version. `exported_head` is what is known of the log beside it."""

    def __init__(
        self,
        store: FlagStore,
        *,
        exported_head: ExportedHead = lambda: (0, GENESIS_HASH),
        deliveries: Deliveries | None = None,
    ) -> None:
        self._store = store
        self._exported_head = exported_head
        self._deliveries = deliveries

    def list(self, query: AuditQuery) -> tuple[AuditEvent, ...]:
        """Events newest first; the next page starts `before` the sequence of the last one."""
        return self._store.audit_events(query)

    def dead_letters(self, *, before: int | None = None, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Events that a sink never got, newest first; the next page starts `before` the last number."""
        return () if self._deliveries is None else self._deliveries.dead_letters(before=before, limit=limit)

    def verify(self) -> Verification:
        """Follow the chain from its first event to its last.

        It must go through the heads that the store and the export had when the walk began: an event
        missing at the end is broken there, and so is a head that a rewritten chain goes past.
        """
        # The export first: it is written after the store, so it is never ahead of an honest one.
        heads = (self._exported_head(), self._store.audit_head())
        checked, previous_hash = 0, GENESIS_HASH
        while True:
            first = checked + 1
            # From below the first, where nothing may be.
            events = self._store.audit_range(first=first if checked else _LOWEST, limit=_PAGE)
            broken = _first_broken(events, heads, previous_hash=previous_hash, first=first)
            if broken is not None:
                return Verification(ok=False, checked=broken - 1, first_broken=broken)
            if not events:
                break
            checked, previous_hash = events[-1].sequence, events[-1].hash
        known = max(sequence for sequence, _ in heads)
        if checked < known:
            return Verification(ok=False, checked=checked, first_broken=checked + 1)
        written, _ = self._store.audit_head()
        if checked > written:  # the chain goes on behind the last event that the store knows it has written
            return Verification(ok=False, checked=written, first_broken=written + 1)
        return Verification(ok=True, checked=checked)


def _first_broken(
    events: Sequence[AuditEvent], heads: Sequence[tuple[int, str]], *, previous_hash: str, first: int
) -> int | None:
    """The first event that does not continue the chain, or is not the one that a head says it is."""
    broken = first_broken(events, previous_hash=previous_hash, first=first)
    hashes = {event.sequence: event.hash for event in events}
    wrong = [sequence for sequence, known in heads if hashes.get(sequence, known) != known]
    return min([*wrong, *([broken] if broken is not None else [])], default=None)
