"""Audit events as lines of JSON (NDJSON) in files that begin anew each day and at a size.

A line is the event as the API shows it; the names of the files sort as their events do.
"""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from burgee.errors import UnavailableError
from burgee.model.audit import AuditEvent

_NAME = re.compile(r"audit-(\d{4}-\d{2}-\d{2})-(\d{6})\.ndjson", re.ASCII)


class _Line(msgspec.Struct):
    sequence: int
    hash: str


class _Place(msgspec.Struct, frozen=True):
    """A file: its day and its number within the day."""

    day: str
    number: int

    @property
    def name(self) -> str:
        return f"audit-{self.day}-{self.number:06d}.ndjson"


class NdjsonFiles:
    """An AuditSink in `folder`, made where it is missing (0700, files 0600).

    A file takes lines until it would be longer than `max_bytes`, or an event is of a later day (UTC); it is
    never looked for again, so that whoever archives files may take away all but the newest. Each delivery
    is synced to disk. After a crash a line that was begun is cut off, and events that are in the files
    already are not written twice, however many of them come again.
    """

    name = "files"
    batch = 500
    from_start = True
    patience_seconds = float("inf")

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._known: dict[int, str] | None = None

    def deliver(self, events: Sequence[AuditEvent]) -> None:
        """Raises UnavailableError where the disk refuses; what was begun is then cut off again."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._known is None:
                self._known = self._recovered(events[0].sequence if events else 0)
            known = self._known
            new = [event for event in events if known.get(event.sequence) != event.hash]
            for place, lines in self._placed(new):
                _append(self._folder / place.name, lines)
        except OSError as error:
            self._known = None
            raise UnavailableError(f"the audit files cannot be written: {error.strerror}") from error
        if known:
            last = events[-1].sequence
            self._known = {sequence: known[sequence] for sequence in known if sequence > last}

    def _placed(self, events: Sequence[AuditEvent]) -> Iterator[tuple[_Place, bytes]]:
        """The lines of `events` with the file that they go to, one item a file."""
        place = self._newest()
        size = _size(self._folder / place.name) if place is not None else 0
        lines = b""
        for event in events:
            line = msgspec.json.encode(event) + b"\n"
            following = _following(place, event, is_full=size > 0 and size + len(line) > self._max_bytes)
            if place is not None and following != place and lines:
                yield place, lines
                lines = b""
            if following != place:
                place, size = following, 0
            lines += line
            size += len(line)
        if place is not None and lines:
            yield place, lines

    def _newest(self) -> _Place | None:
        found = self._places()
        return found[-1] if found else None

    def _places(self) -> list[_Place]:
        names = sorted(path.name for path in self._folder.iterdir())
        return [_Place(found[1], int(found[2])) for name in names if (found := _NAME.fullmatch(name))]

    def _recovered(self, first: int) -> dict[int, str]:
        """The hashes of what is written from `first` on, by sequence; a line that was begun is cut off.

        Files are read from the newest back, as far as one with an event before `first`: a server that was
        killed may have written more files than one since it last saved how far it had come.
        """
        known: dict[int, str] = {}
        for place in reversed(self._places()):
            path = self._folder / place.name
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(path, whole)
            found = dict(_readable(content[:whole]))
            known = {sequence: found[sequence] for sequence in found if sequence >= first} | known
            if any(sequence < first for sequence in found):
                break
        return known


def _following(place: _Place | None, event: AuditEvent, *, is_full: bool) -> _Place:
    day = _day(event.at)
    if place is None or day > place.day:
        return _Place(day, 1)
    return _Place(place.day, place.number + 1) if is_full else place


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(path: Path, lines: bytes) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        try:
            left = memoryview(lines)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _readable(content: bytes) -> Iterator[tuple[int, str]]:
    for line in content.splitlines():
        try:
            found = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        yield found.sequence, found.hash
