"""The right to deliver: one process of a data folder has it, until it ends."""

import fcntl
import os
from pathlib import Path


class DeliveryLock:
    """A locked file. While one server replaces another, the new one waits for the old one's deliveries."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def is_ours(self) -> bool:
        """Whether this process may deliver; takes the right where it is free."""
        if self._descriptor >= 0:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def close(self) -> None:
        """Give the right away; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
