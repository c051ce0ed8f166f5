"""Last access: when each flag was last read, gathered in memory and written in batches."""

import logging
import threading

from burgee.errors import UnavailableError
from burgee.ports import AccessTimes, Clock

_log = logging.getLogger("burgee.last_access")

PAUSE_SECONDS = 1.0
"""Between two batches: what a process that dies forgets, and what other processes see late."""


class LastAccess:
    """Notes reads without waiting for a store; writes them in a thread of its own from `start` to `close`.

    Flags are named by their ids, which no other flag ever gets: a flag made again starts unread.
    """

    def __init__(self, times: AccessTimes, *, clock: Clock, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._times = times
        self._clock = clock
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._pending: dict[str, float] = {}
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="burgee-last-access", daemon=True)

    def note(self, flag_id: str) -> float:
        """Note that the flag is read now; the Unix time noted."""
        now = self._clock()
        with self._lock:
            self._pending[flag_id] = max(now, self._pending.get(flag_id, now))
        self._dirty.set()
        return now

    def last(self, flag_id: str) -> float | None:
        """When the flag was last read, None where it never was, or where the store cannot say it now."""
        with self._lock:
            pending = self._pending.get(flag_id)
        if pending is not None:
            return pending
        try:
            return self._times.last(flag_id)
        except UnavailableError:
            return None

    def flush(self) -> bool:
        """Write what is pending; False where the store could not, and it is pending still."""
        with self._lock:
            batch = dict(self._pending)
        if not batch:
            return True
        try:
            self._times.note(batch)
        except UnavailableError as error:
            _log.warning("access.flush_failed", extra={"problem": str(error)})
            return False
        with self._lock:
            for flag_id, at in batch.items():
                # Pending until it is written, so that `last` never goes back in between.
                if self._pending.get(flag_id) == at:
                    del self._pending[flag_id]
        return True

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Stop, with everything written that can be."""
        self._closing.set()
        self._dirty.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            self._dirty.clear()
            if not self.flush():
                self._dirty.set()
            self._closing.wait(self._pause)
