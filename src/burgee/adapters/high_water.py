"""The high-water mark: how far the audit chain is known to have come, kept outside the database.

A damaged write-ahead log drops the commits behind the damage and still calls itself whole
(reliability.md finding 8). Only something beside it can tell.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from burgee.model.audit import GENESIS_HASH

_SLOT_BYTES = 512
"""One disk sector, which is written whole or not at all."""

SYNC_SECONDS = 1.0
"""How long a mark may stay only in the page cache. It survives kill -9 at once, power loss after this."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An audit event known to be committed: its sequence and hash; sequence 0 knows of none."""

    sequence: int = 0
    hash: str = GENESIS_HASH


class HighWaterFile:
    """Two slots written in turn, so that the mark before survives a torn write of the next.

    Several processes may raise one file: it is locked while it is read and written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._synced_at = float("-inf")

    def read(self) -> Mark:
        """The highest mark; sequence 0 where there is no file, or none of its slots can be read."""
        try:
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                return max(_slots(descriptor), key=lambda mark: mark.sequence)
        except OSError:
            return Mark()

    def raise_to(self, mark: Mark, *, now: float) -> None:
        """Keep `mark` if it is the highest; at most once in SYNC_SECONDS it is also synced to disk.

        A disk that refuses is passed over: the commit that the mark speaks of is already safe, and a mark
        that stays behind only notices less.
        """
        with suppress(OSError), self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
            slots = _slots(descriptor)
            if mark.sequence <= max(slot.sequence for slot in slots):
                return
            lower = min(range(2), key=lambda place: slots[place].sequence)
            line = msgspec.json.encode(mark)
            os.pwrite(descriptor, line.ljust(_SLOT_BYTES - 1) + b"\n", lower * _SLOT_BYTES)
            if abs(now - self._synced_at) >= SYNC_SECONDS:
                os.fdatasync(descriptor)
                self._synced_at = now

    @contextmanager
    def _locked(self, flags: int, kind: int) -> Iterator[int]:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            yield descriptor
        finally:
            os.close(descriptor)


def _slots(descriptor: int) -> list[Mark]:
    return [_decoded(os.pread(descriptor, _SLOT_BYTES, place * _SLOT_BYTES)) for place in range(2)]


def _decoded(slot: bytes) -> Mark:
    try:
        return msgspec.json.decode(slot.strip(b" \n\x00"), type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Mark()
