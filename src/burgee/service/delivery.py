"""Delivering audit events to one sink: in order, at least once, across restarts."""

import logging
import threading
from collections.abc import Callable, Sequence

import msgspec

from burgee.errors import BurgeeError, UnavailableError
from burgee.model.audit import AuditEvent, event_hash
from burgee.model.delivery import DeadLetter, DeliveryState, event_id
from burgee.ports import AuditSink, Clock, Deliveries, FlagStore

_log = logging.getLogger("burgee.delivery")

PAUSE_SECONDS = 0.5
"""Between two looks for new events."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 900.0
"""The pause after a failure doubles from the first to the longest."""

UNSAVED_DELIVERIES = 50
"""How many deliveries may come twice after a crash, so that a long queue is not a commit for each."""


class Delivery:
    """The way of the audit events to `sink`; `drain` is called by a beat, from one thread.

    `may_deliver` keeps two processes from delivering at once; `dice` gives a number from 0 to 1.
    """

    def __init__(
        self,
        store: FlagStore,
        deliveries: Deliveries,
        sink: AuditSink,
        *,
        clock: Clock,
        dice: Callable[[], float],
        may_deliver: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._sink = sink
        self._clock = clock
        self._dice = dice
        self._may_deliver = may_deliver
        self._closing = threading.Event()
        self._state: DeliveryState | None = None
        self._unsaved = 0
        self._next_at = 0.0

    def begin(self) -> None:
        """Settle which event a new sink begins with, before there are more. Never raises an error of ours."""
        try:
            self._stored()
        except BurgeeError as error:
            _log.warning("delivery.interrupted", extra={"sink": self._sink.name, "problem": str(error)})

    def close(self) -> None:
        """Begin no more deliveries; the next `drain` only saves how far this one has come."""
        self._closing.set()

    def drain(self) -> None:
        """Deliver what waits, until nothing does or a delivery fails. Never raises an error of ours."""
        try:
            while not self._closing.is_set() and self.step():
                pass
            self._save()
        except BurgeeError as error:
            _log.warning("delivery.interrupted", extra={"sink": self._sink.name, "problem": str(error)})

    def step(self) -> bool:
        """Try the next events once; whether it makes sense to go on at once.

        Raises UnavailableError where the store fails.
        """
        # A clock that was set back must not make the pause longer than any pause is.
        if 0 < self._next_at - self._clock() <= LONGEST_PAUSE_SECONDS or not self._may_deliver():
            return False
        state = self._loaded()
        events = self._store.audit_range(first=state.sequence + 1, limit=self._sink.batch)
        if not events:
            return False
        sound = _sound(events, first=state.sequence + 1)
        if not sound:
            # What was tampered with is no news to send; `audit verify` names it.
            self._bury(state, events[0], problem="the event fails its hash, or its predecessor is missing")
            return True
        try:
            self._sink.deliver(sound)
        except UnavailableError as error:
            return self._failed(state, sound[0], str(error))
        self._state = DeliveryState(sequence=sound[-1].sequence)
        self._unsaved += 1
        if state.attempts or self._unsaved >= UNSAVED_DELIVERIES:
            self._save()
        return True

    def _loaded(self) -> DeliveryState:
        if self._state is None:
            self._state = self._stored()
        return self._state

    def _stored(self) -> DeliveryState:
        stored = self._deliveries.state(self._sink.name)
        if stored is None:
            stored = DeliveryState(sequence=0 if self._sink.from_start else self._store.audit_head()[0])
            self._deliveries.keep(self._sink.name, stored)
        return stored

    def _failed(self, state: DeliveryState, event: AuditEvent, problem: str) -> bool:
        now = self._clock()
        since = state.failing_since if state.failing_since is not None else now
        failing = msgspec.structs.replace(
            state, attempts=state.attempts + 1, failing_since=since, problem=problem
        )
        patience = self._sink.patience_seconds
        if now - since >= patience and now - event.at >= patience:
            self._bury(failing, event, problem=problem)
            return True
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(state.attempts, 20))
        self._next_at = now + pause * (0.5 + self._dice() / 2)
        self._keep(failing)
        if state.failing_since is None:
            _log.warning("delivery.failed", extra={"sink": self._sink.name, "problem": problem})
        return False

    def _bury(self, state: DeliveryState, event: AuditEvent, *, problem: str) -> None:
        """Give one event up, and go on behind it."""
        now = self._clock()
        letter = DeadLetter(
            sink=self._sink.name,
            sequence=event.sequence,
            event_id=event_id(event),
            action=event.action,
            attempts=state.attempts,
            failing_since=state.failing_since if state.failing_since is not None else now,
            given_up_at=now,
            problem=problem,
        )
        _log.warning("delivery.given_up", extra={"sink": self._sink.name, "sequence": event.sequence})
        self._keep(msgspec.structs.replace(state, sequence=event.sequence, attempts=0), dead=letter)

    def _save(self) -> None:
        if self._unsaved and self._state is not None:
            self._keep(self._state)

    def _keep(self, state: DeliveryState, *, dead: DeadLetter | None = None) -> None:
        self._state = state
        self._deliveries.keep(self._sink.name, state, dead=dead)
        self._unsaved = 0


def _sound(events: Sequence[AuditEvent], *, first: int) -> Sequence[AuditEvent]:
    """Those at the beginning that are the events they say they are, without a gap."""
    for place, event in enumerate(events):
        if event.sequence != first + place or event.hash != event_hash(event):
            return events[:place]
    return events
