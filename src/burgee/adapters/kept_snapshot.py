"""The last snapshot as a file under the temp folder: it outlives the process, not the machine."""

import hashlib
import os
import stat
from contextlib import suppress

from burgee.formats.snapshot import LARGEST_BYTES
from burgee.ports.snapshots import StoredObject

_LARGEST_FILE_BYTES = LARGEST_BYTES + 4_096


class KeptSnapshot:
    """One file, of mode 0600: a line with the tag, then the object. `name` says whose it is."""

    def __init__(self, folder: str, name: str) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.path = f"{folder}/burgee-{digest}.snapshot"

    def load(self) -> tuple[StoredObject, float] | None:
        """What was kept, and when it was last known to be the newest (Unix seconds); None where nothing is.

        A file that is another user's, or that others may reach, or that is no plain file, is nothing.
        """
        # Without O_NONBLOCK a named pipe that somebody has put there would be waited for.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.path, flags)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
                return None
            if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE_BYTES:
                return None
            try:
                tag, _, content = file.read().partition(b"\n")
            except OSError:
                return None
        return StoredObject(content=content, tag=tag.decode("latin-1")), about.st_mtime

    def save(self, stored: StoredObject) -> None:
        """Keep it; a failure loses nothing but a read at the next start."""
        draft = f"{self.path}.{os.getpid()}"
        with suppress(OSError):
            os.unlink(draft)  # noqa: PTH108 - of a process of our number that was killed, or somebody's trap
        with suppress(OSError):
            # Only a file that we have made ourselves is written to: its mode and its owner are ours then.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
                file.write(stored.tag.encode("latin-1") + b"\n" + stored.content)
            os.replace(draft, self.path)  # noqa: PTH105 - pathlib would be imported for this alone
