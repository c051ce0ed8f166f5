"""The data folder: what one server owns on disk, and the lock that keeps a second server out."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from burgee.errors import StoreRefusedError


class LockHolder(msgspec.Struct, frozen=True, kw_only=True):
    """The server that has a data folder: its process id and, once it listens, its address."""

    pid: int
    url: str = ""


class DataFolder(msgspec.Struct, frozen=True):
    """The paths inside one data folder; the folder is 0700, the files in it are 0600."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "flags.db"

    @property
    def snapshot(self) -> Path:
        return self.path / "snapshot.json.z"

    @property
    def high_water(self) -> Path:
        return self.path / "flags.db-high-water"

    @property
    def signing_key(self) -> Path:
        return self.path / "signing-key.pem"

    @property
    def server(self) -> Path:
        """Where a running server says who and where it is (`server.json`)."""
        return self.path / "server.json"

    @property
    def writer_socket(self) -> Path:
        return self.path / "writer.sock"

    @property
    def lock_file(self) -> Path:
        return self.path / "burgee.lock"

    def lock(self, url: str = "") -> "FolderLock":
        """Take the folder for this process and the children that inherit the lock's descriptor.

        The kernel lets go of it when the last of them ends, however it ends.

        Raises StoreRefusedError naming the holder where another server has it, or why it cannot be locked.
        """
        descriptor = self._lock_descriptor()
        if not _taken(descriptor):
            os.close(descriptor)
            raise StoreRefusedError(_refusal(self.path, self._written_holder()))
        os.set_inheritable(descriptor, True)
        lock = FolderLock(descriptor)
        lock.announce(url)
        return lock

    def _lock_descriptor(self) -> int:
        try:
            return os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise StoreRefusedError(f"{self.lock_file} cannot be opened: {error.strerror}") from error
        # What cannot be written can still be locked and served; without a lock file, the folder itself is.
        try:
            return os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def lock_holder(self) -> LockHolder | None:
        """The server that has the folder now, None where no living process does."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return self._written_holder()
        finally:
            os.close(descriptor)
        return None

    def _written_holder(self) -> LockHolder:
        try:
            return msgspec.json.decode(self.lock_file.read_bytes(), type=LockHolder)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            # Between taking the lock and writing the name there is a moment without a readable name.
            return LockHolder(pid=0)


class FolderLock:
    """A data folder taken; processes that inherit `descriptor` share it, closing it ends one's own part."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def announce(self, url: str) -> None:
        """Write who has the folder, for the message that a second server gets, where that can be written."""
        holder = msgspec.json.encode(LockHolder(pid=os.getpid(), url=url))
        with suppress(OSError):
            # Over what is there: a full disk still has room for that, and no longer once it is cut off.
            os.pwrite(self.descriptor, holder, 0)
            os.ftruncate(self.descriptor, len(holder))

    def release(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def open_data_folder(path: str | Path) -> DataFolder:
    """Name the folder at `path`, and make it, for its owner alone, where it is missing.

    Raises StoreRefusedError where it cannot be made or used.
    """
    folder = Path(path).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefusedError(f"the data folder {folder} cannot be used: {error.strerror}") from error
    return DataFolder(folder)


@contextmanager
def locked_data_folder(path: str | Path, *, url: str = "") -> Iterator[DataFolder]:
    """A data folder held for the length of a `with`."""
    folder = open_data_folder(path)
    with folder.lock(url):
        yield folder


def _taken(descriptor: int) -> bool:
    # `lock_holder` of another process holds the lock for microseconds; that must not turn a server away.
    for pause in (0.01, 0.02, 0.04, None):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if pause is not None:
                time.sleep(pause)
        else:
            return True
    return False


def _refusal(path: Path, holder: LockHolder) -> str:
    who = f"process {holder.pid}" if holder.pid else "another process"
    where = f" at {holder.url}" if holder.url else ""
    return f"the data folder {path} is in use by {who}{where}; stop that server or name another folder"
