"""Keeping the snapshot file: what is served is saved soon after each publish, outside the request."""

import logging
import threading

from burgee.errors import BurgeeError
from burgee.model.snapshot import StoreSnapshot
from burgee.ports import Clock, FlagStore, SnapshotFile
from burgee.service.catalogue import Catalogue, LiveCatalogue

_log = logging.getLogger("burgee.snapshot")

PAUSE_SECONDS = 0.5
"""Between two saves: many publishes in a row make one file, which is never older than this by much."""


class SnapshotKeeper:
    """Saves in a thread of its own, from `start` to `close`; a failed save is tried again."""

    def __init__(
        self,
        store: FlagStore,
        live: LiveCatalogue,
        snapshot_file: SnapshotFile,
        *,
        clock: Clock,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._live = live
        self._file = snapshot_file
        self._clock = clock
        self._pause = pause_seconds
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="burgee-snapshot", daemon=True)
        self._unsubscribe = live.subscribe(self._wake)

    def start(self) -> None:
        """Begin to save; what is served already is saved too."""
        self._dirty.set()
        self._thread.start()

    def close(self) -> None:
        """Stop, with everything saved that can be."""
        self._unsubscribe()
        self._closing.set()
        self._dirty.set()
        if self._thread.is_alive():
            self._thread.join()

    def save(self) -> bool:
        """Save what is served now; False where that failed."""
        try:
            # The head first: a snapshot may be newer than the head it names, never older.
            sequence, head = self._store.audit_head()
            programs = self._live.current.programs.values()
            self._file.save(
                StoreSnapshot(
                    sets=tuple(program.snapshot for program in programs),
                    audit_sequence=sequence,
                    audit_hash=head,
                    taken_at=self._clock(),
                )
            )
        except (BurgeeError, OSError) as error:
            _log.warning("snapshot.save_failed", extra={"problem": str(error)})
            return False
        return True

    def _wake(self, _: Catalogue) -> None:
        self._dirty.set()

    def _run(self) -> None:
        while True:
            self._dirty.wait()
            self._dirty.clear()
            # Asked before the save: what was published until the closing is then in it.
            last = self._closing.is_set()
            saved = self.save()
            if last:
                return
            if not saved:
                self._dirty.set()
            self._closing.wait(self._pause)
