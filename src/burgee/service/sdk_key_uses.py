"""When SDK keys were last used: noted by every request, written now and then."""

import threading

from burgee.errors import UnavailableError
from burgee.ports import SdkKeyStore

FLUSH_SECONDS = 30.0


class SdkKeyUses:
    """Uses wait in memory until `flush`, which a thread calls every `seconds` between `start` and `close`.

    A process that is killed forgets what it has noted since the last flush.
    """

    def __init__(self, store: SdkKeyStore, *, seconds: float = FLUSH_SECONDS) -> None:
        self._store, self._seconds = store, seconds
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="burgee-key-uses", daemon=True)

    def note(self, key_id: str, now: float) -> None:
        """The key was used `now`."""
        with self._lock:
            self._waiting[key_id] = now

    def flush(self) -> None:
        """Write what was noted since the last time, in one step; what cannot be written goes on waiting."""
        with self._lock:
            uses, self._waiting = self._waiting, {}
        if not uses:
            return
        try:
            self._store.note_sdk_key_uses(uses)
        except UnavailableError:
            with self._lock:
                self._waiting = {**uses, **self._waiting}

    def start(self) -> None:
        """Flush now and then."""
        self._thread.start()

    def close(self) -> None:
        """Stop, after a last flush."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            self.flush()
