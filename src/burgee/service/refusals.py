"""Refusals in the audit log: sign-ins that failed, calls that were denied, deletions that were refused.

Anybody can cause these, so they are bounded: after a burst one a minute of each kind is written, and the
rest are counted. Nothing is written in the request itself, which may run in the event loop.
"""

import logging
import threading
from enum import Enum

from burgee.errors import BurgeeError
from burgee.model.audit import AuditDraft
from burgee.model.json import JsonObject
from burgee.ports import Clock, FlagStore

_log = logging.getLogger("burgee.refusals")

FLUSH_SECONDS = 1.0
BURST = 20
"""How many of one kind are written one by one before the bound holds."""

REFILL_SECONDS = 60.0
"""How long it takes until one more may be written."""

SUMMARY_SECONDS = 600.0
"""How often those that were only counted are written as one event."""

LONGEST_TEXT = 256


class RefusalKind(Enum):
    """What was refused; the values are audit actions."""

    SIGN_IN = "sign_in.failed"
    ACCESS = "access.denied"
    DELETION = "deletion.refused"


SUPPRESSED = "refusals.suppressed"
"""The action of the event that counts what was not written."""


class _Bound:
    """The bound of one kind: how many may still be written now, and what was only counted since when."""

    def __init__(self, now: float) -> None:
        self.left = float(BURST)
        self.at = now
        self.suppressed = 0
        self.since = now

    def admits(self, now: float) -> bool:
        self.left = min(BURST, self.left + max(0.0, now - self.at) / REFILL_SECONDS)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return True
        if not self.suppressed:
            self.since = now
        self.suppressed += 1
        return False


class Refusals:
    """Takes note of refusals, and writes them when `flush` is called by a beat."""

    def __init__(self, store: FlagStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._bounds: dict[RefusalKind, _Bound] = {}
        self._waiting: list[AuditDraft] = []

    def note(
        self,
        kind: RefusalKind,
        *,
        entity: str,
        reason: str,
        actor: str = "",
        flag_set: str = "",
        flag_key: str = "",
        request_id: str = "",
        detail: JsonObject | None = None,
    ) -> None:
        """Remember one refusal, or count it; cheap, and never raises.

        `actor` is empty where nobody was identified. Texts that a caller chose are cut to 256 characters.
        """
        now = self._clock()
        with self._lock:
            bound = self._bounds.setdefault(kind, _Bound(now))
            if not bound.admits(now):
                return
            self._waiting.append(
                AuditDraft(
                    at=now,
                    actor=actor[:LONGEST_TEXT] or "anonymous",
                    action=kind.value,
                    entity=_clean(entity),
                    flag_set=flag_set[:LONGEST_TEXT],
                    flag_key=flag_key[:LONGEST_TEXT],
                    after=detail,
                    request_id=request_id,
                    reason=_clean(reason),
                )
            )

    def flush(self, *, last: bool = False) -> None:
        """Write what waits, and the counts that are due; with `last` all counts.

        What cannot be written now waits on, within the bounds.
        """
        with self._flushing:
            with self._lock:
                self._waiting += self._summaries(self._clock(), last=last)
                drafts = self._waiting[:]
            written = 0
            try:
                for draft in drafts:
                    self._store.append_audit(draft)
                    written += 1
            except BurgeeError as error:
                _log.warning("refusals.not_written", extra={"problem": str(error)})
            with self._lock:
                del self._waiting[:written]

    def close(self) -> None:
        """Write everything that is left."""
        self.flush(last=True)

    def _summaries(self, now: float, *, last: bool) -> list[AuditDraft]:
        drafts = []
        for kind, bound in self._bounds.items():
            if bound.suppressed and (last or now - bound.since >= SUMMARY_SECONDS):
                counted: JsonObject = {"action": kind.value, "count": bound.suppressed, "since": bound.since}
                drafts.append(
                    AuditDraft(
                        at=now,
                        actor="burgee",
                        action=SUPPRESSED,
                        entity=f"refusals/{kind.value}",
                        after=counted,
                        reason="more refusals than are written one by one",
                    )
                )
                bound.suppressed = 0
        return drafts


def _clean(text: str) -> str:
    """`text` as it may stand in the log: cut, and without the halves of characters that JSON cannot hold."""
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
