"""Progress on stderr: bars on a terminal, plain lines everywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS = 5.0
"""How often a plain line says how far it is."""


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A function that hears what was done, how much of it now, and of how many (0: unknown)."""
    if not sys.stderr.isatty():
        lines = ProgressLines(sys.stderr.write, clock=time.monotonic)
        yield lines.tell
        lines.end()
        return
    columns = (TextColumn("{task.description:>13}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, count: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.advance(tasks[what], count)

        yield tell


class ProgressLines:
    """A line when a kind of thing is through, and every few seconds before."""

    def __init__(self, write: Callable[[str], object], *, clock: Callable[[], float]) -> None:
        self._write, self._clock = write, clock
        self._done: dict[str, tuple[int, int]] = {}
        self._what, self._said, self._said_at = "", 0, clock()

    def tell(self, what: str, count: int, total: int) -> None:
        """Hear what was done."""
        if what != self._what:
            self.end()
            self._what, self._said, self._said_at = what, 0, self._clock()
        done, _ = self._done.get(what, (0, 0))
        self._done[what] = (done + count, total)
        if self._clock() - self._said_at >= LINE_SECONDS:
            self._say()

    def end(self) -> None:
        """Say how it stood at the end."""
        if self._what and self._done[self._what][0] > self._said:
            self._say()

    def _say(self) -> None:
        done, total = self._done[self._what]
        self._write(f"{self._what}: {done}{f' of {total}' if total else ''}\n")
        self._said, self._said_at = done, self._clock()
