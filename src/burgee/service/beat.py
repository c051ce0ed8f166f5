"""A beat: a thread of its own that does small jobs again and again, until it is closed."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("burgee.beat")

LEAVE_SECONDS = 2.0
"""How long closing waits for a job that is under way."""


class Beat:
    """Calls `job` every `seconds` from `start` to `close`, and once more while it closes.

    A job that raises is logged and called again at the next beat: it must not end the thread.
    """

    def __init__(self, name: str, job: Callable[[], object], *, seconds: float) -> None:
        self._name = name
        self._job = job
        self._seconds = seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"burgee-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop after one last call of the job; one that hangs is left behind."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            self._call()
        self._call()

    def _call(self) -> None:
        try:
            self._job()
        except Exception:
            _log.exception("beat.failed", extra={"beat": self._name})
