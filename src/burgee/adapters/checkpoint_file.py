"""How far a migration has come, in a small file of its own."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec


class _Checkpoint(msgspec.Struct, kw_only=True):
    job: str = ""
    done: list[str] = []


class JsonCheckpointFile:
    """A CheckpointFile at `path`, replaced atomically; a file that cannot be read is none."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self, job: str) -> frozenset[str]:
        known = self._read()
        return frozenset(known.done) if known.job == job else frozenset()

    def add(self, job: str, unit: str) -> None:
        known = self._read()
        if known.job != job:
            known = _Checkpoint(job=job)
        known.done.append(unit)
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(known))
        beside.replace(self._path)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def _read(self) -> _Checkpoint:
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=_Checkpoint)
        return _Checkpoint()
