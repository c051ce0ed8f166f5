"""Event streams: tells clients to fetch again, at once to all of them (OFREP ADR-0008).

An event carries no flags, so a stream needs no queue: whoever is behind needs only the newest event.
A stream that cannot take more is marked, and gets that one event when it can; one that cannot for long
is dropped by the protocol's write deadline.
"""

import time
from collections.abc import Callable
from typing import Protocol

from burgee.formats.strict_json import encode
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.surfaces.http.audience import Scope
from burgee.surfaces.http.counters import EVENTS, STREAMS, Counters
from burgee.surfaces.http.ofrep import Ofrep

BEATS = 30
"""Seconds between two heartbeats of one stream; a share of the streams beats every second."""

LOOKS = 3
"""Seconds between two looks at the token of a stream: a third of the tokens is looked at every second."""

FRESH_SECONDS = 60.0
"""A stream opened within this time after a change is told of it: its client may have fetched before."""

RETRY_FROM_MS, RETRY_SPREAD_MS = 1_000, 9_000
CONNECTS_PER_SECOND = 4_000
HEARTBEAT = b": still here\n\n"


class Sink(Protocol):
    """One open stream."""

    def offer(self, data: bytes) -> bool:
        """Take `data` now, or False: the hub then remembers that this stream is behind."""
        ...

    def end(self, last: bytes) -> None:
        """Send `last` if possible and close."""
        ...


class _Group:
    """All streams of one scope; they get the same bytes."""

    __slots__ = ("behind", "event", "fingerprint", "sinks")

    def __init__(self) -> None:
        self.sinks: set[Sink] = set()
        self.behind: set[Sink] = set()
        self.fingerprint = ""
        self.event = b""


class StreamHub:
    """The open streams of one worker. Everything here runs in the event loop's thread.

    `dice` gives numbers in [0, 1) for the jitter; `clock` monotonic seconds.
    """

    def __init__(
        self,
        ofrep: Ofrep,
        counters: Counters,
        *,
        dice: Callable[[], float],
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ofrep, self._counters, self._dice, self._clock = ofrep, counters, dice, clock
        self._cap = limits.streams
        self._groups: dict[Scope, _Group] = {}
        self._places: dict[Sink, tuple[Scope, int]] = {}
        self._beats: list[set[Sink]] = [set() for _ in range(BEATS)]
        self._beat = 0
        self._joined = 0
        self._connects = 0
        self._credentials: dict[Sink, str] = {}
        self._rested: dict[str, set[Sink]] = {}
        self._changed_at = -FRESH_SECONDS
        self.draining = False

    def __len__(self) -> int:
        return len(self._places)

    def full(self) -> bool:
        """Whether a new stream must be turned away: too many, too many at once, or going down."""
        self._connects += 1
        return self.draining or len(self._places) >= self._cap or self._connects > CONNECTS_PER_SECOND

    def retry_after(self) -> int:
        """Seconds that a client turned away shall wait, spread so that they do not come back together."""
        return 1 + int(self._dice() * 10)

    def join(self, sink: Sink, scope: Scope, last_event_id: str = "", *, credential: str = "") -> bytes:
        """Add a stream; its first bytes: how to retry, where it is and, if it is behind, the event.

        The stream ends soon after the token `credential` is no longer good.
        """
        group = self._groups.get(scope)
        if group is None:
            group = self._groups[scope] = _Group()
            self._renew(scope, group)
        group.sinks.add(sink)
        self._joined += 1
        place = self._joined % BEATS
        self._beats[place].add(sink)
        self._places[sink] = (scope, place)
        if credential:
            self._rested.setdefault(credential, set()).add(sink)
            self._credentials[sink] = credential
        self._counters.cells[STREAMS] = len(self._places)
        known = last_event_id.rpartition("-")[2]
        fresh = self._clock() - self._changed_at < FRESH_SECONDS
        behind = known != group.fingerprint if known else fresh
        start = self._retry() + (group.event if behind else group.event.partition(b"\n")[0] + b"\n\n")
        self._counters.cells[EVENTS] += behind
        return start

    def leave(self, sink: Sink) -> None:
        """Forget a stream; one that is not known is no matter."""
        scope, place = self._places.pop(sink, (None, 0))
        if scope is None:
            return
        self._beats[place].discard(sink)
        credential = self._credentials.pop(sink, "")
        if credential:
            self._rested[credential].discard(sink)
            if not self._rested[credential]:
                del self._rested[credential]
        group = self._groups[scope]
        group.sinks.discard(sink)
        group.behind.discard(sink)
        if not group.sinks:
            del self._groups[scope]
        self._counters.cells[STREAMS] = len(self._places)

    def publish(self) -> None:
        """The catalogue has changed: tell the streams whose selection did."""
        for scope, group in list(self._groups.items()):
            if not self._renew(scope, group):
                continue
            self._changed_at = self._clock()
            event, behind = group.event, group.behind
            for sink in list(group.sinks):
                if not sink.offer(event):
                    behind.add(sink)
            self._counters.cells[EVENTS] += len(group.sinks) - len(behind)

    def caught_up(self, sink: Sink) -> None:
        """A stream can take more again: give it the newest event if it missed any."""
        scope, _ = self._places.get(sink, (None, 0))
        if scope is None:
            return
        group = self._groups[scope]
        if sink in group.behind and sink.offer(group.event):
            group.behind.discard(sink)
            self._counters.cells[EVENTS] += 1

    def tick(self) -> None:
        """Once a second: the heartbeats that are due, and the end of streams whose token is good no more."""
        self._connects = 0
        self._beat = (self._beat + 1) % BEATS
        for sink in list(self._beats[self._beat]):
            sink.offer(HEARTBEAT)
        for credential, sinks in list(self._rested.items()):
            if hash(credential) % LOOKS == self._beat % LOOKS and not self._ofrep.audience.is_good(
                credential
            ):
                for sink in list(sinks):
                    sink.end(b"")
                    self.leave(sink)

    def drain(self) -> None:
        """Close every stream, telling each client when to come back."""
        self.draining = True
        for sink in list(self._places):
            sink.end(self._retry())
            self.leave(sink)

    def _retry(self) -> bytes:
        return b"retry: %d\n\n" % (RETRY_FROM_MS + int(self._dice() * RETRY_SPREAD_MS))

    def _renew(self, scope: Scope, group: _Group) -> bool:
        revision, fingerprint = self._ofrep.mark(scope)
        if fingerprint == group.fingerprint:
            return False
        group.fingerprint = fingerprint
        data = encode({"type": "refetchEvaluation", "etag": fingerprint})
        group.event = b"id: %d-%b\nevent: message\ndata: %b\n\n" % (revision, fingerprint.encode(), data)
        return True
