"""A disk whose power can be cut: what was not synced is lost, kept or torn, as the dice fall.

An APSW virtual file system over real files. Beside each file it keeps what a sync has made durable and what
was written since. `PowerCutDisk.survivors` writes what is left after a cut into another folder, where the
next process finds it. Shared memory is not part of it: that does not outlive a machine.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import apsw

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""

Operation: TypeAlias = Literal["write", "sync", "truncate"]
Watch: TypeAlias = Callable[[Operation, Path], None]
"""Called before each operation; what it raises is what SQLite gets for an answer."""


class _File:
    """One file: its durable bytes, and the changes since, each (offset, bytes) or (size, None)."""

    def __init__(self, durable: bytes | None) -> None:
        self.durable = durable
        self.pending: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        content = bytearray(self.durable or b"")
        for place, data in self.pending:
            _change(content, place, data)
        self.durable, self.pending = bytes(content), []

    def after_cut(self, dice: random.Random) -> bytes | None:
        """What the disk holds when the power comes back, None where it never heard of the file."""
        if self.durable is None and (not self.pending or dice.random() < 0.5):
            return None
        content = bytearray(self.durable or b"")
        for place, data in self.pending:
            match dice.choice(("lost", "kept", "torn")):
                case "kept":
                    _change(content, place, data)
                case "torn" if data is not None:
                    for start in range(0, len(data), SECTOR_BYTES):
                        if dice.random() < 0.5:
                            _change(content, place + start, data[start : start + SECTOR_BYTES])
        return bytes(content)


class PowerCutDisk(apsw.VFS):
    """The disk, registered under `name` while it lives; pass the name as `vfs` to what shall write on it."""

    def __init__(self, name: str, *, watch: Watch) -> None:
        self.name = name
        self.watch = watch
        self.files: dict[Path, _File] = {}
        super().__init__(name, "unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if name is None:
            return super().xOpen(name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if path not in self.files:
            self.files[path] = _File(path.read_bytes() if path.exists() else None)
        return _OpenFile(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.files.pop(Path(filename), None)

    def survivors(self, folder: Path, *, dice: random.Random) -> None:
        """Write what is left after a cut at this moment into `folder`."""
        for path, file in self.files.items():
            content = file.after_cut(dice)
            if content is not None:
                (folder / path.name).write_bytes(content)


class _OpenFile(apsw.VFSFile):
    def __init__(
        self, disk: PowerCutDisk, path: Path, name: str | apsw.URIFilename, flags: list[int]
    ) -> None:
        self._disk = disk
        self._path = path
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.watch("write", self._path)
        super().xWrite(data, offset)
        self._pending().append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.watch("truncate", self._path)
        super().xTruncate(newsize)
        self._pending().append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.watch("sync", self._path)
        super().xSync(flags)
        self._disk.files[self._path].sync()

    def _pending(self) -> list[tuple[int, bytes | None]]:
        return self._disk.files[self._path].pending


def _change(content: bytearray, place: int, data: bytes | None) -> None:
    if data is None:
        del content[place:]
        return
    content.extend(bytes(max(0, place - len(content))))
    content[place : place + len(data)] = data
