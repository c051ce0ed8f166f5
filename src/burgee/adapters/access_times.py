"""Access times in memory: the reference implementation."""

import threading
from collections.abc import Mapping


class MemoryAccessTimes:
    """AccessTimes that forget everything with their process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, float] = {}

    def note(self, times: Mapping[str, float]) -> None:
        with self._lock:
            for flag_id, at in times.items():
                self._times[flag_id] = max(at, self._times.get(flag_id, at))

    def last(self, flag_id: str) -> float | None:
        return self._times.get(flag_id)
