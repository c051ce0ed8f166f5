"""The last snapshot as a file under the temp folder: it outlives the process, not the machine."""

import hashlib
import os
import stat
from contextlib import suppress

from burgee.ports.snapshots import StoredObject


class KeptSnapshot:
    """One file, of mode 0600: a line with the tag, then the object. `name` says whose it is."""

    def __init__(self, folder: str, name: str) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.path = f"{folder}/burgee-{digest}.snapshot"

    def load(self) -> tuple[StoredObject, float] | None:
        """What was kept, and when it was last known to be the newest (Unix seconds); None where nothing is.

        A file that is another user's, or that others may write, is nothing.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
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
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
                file.write(stored.tag.encode("latin-1") + b"\n" + stored.content)
            os.replace(draft, self.path)  # noqa: PTH105 - pathlib would be imported for this alone
