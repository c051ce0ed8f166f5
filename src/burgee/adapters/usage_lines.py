"""Counts of evaluations into the log, for a process that has no store to write them to."""

import sys
from collections.abc import Callable, Collection, Sequence

from burgee.formats.usage_lines import usage_lines
from burgee.model.usage import UsageCount


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class UsageLog:
    """A UsageStore that only takes: whoever reads the log adds up."""

    def __init__(self, write: Callable[[str], None] = _print) -> None:
        self._write = write

    def add(self, counts: Sequence[UsageCount]) -> None:
        for line in usage_lines(counts):
            self._write(line)

    def counts(self, flag_set: str, flag_key: str, *, since: int) -> tuple[UsageCount, ...]:  # noqa: ARG002
        """None are known here."""
        return ()

    def last_evaluated(self, flags: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:  # noqa: ARG002
        """None are known here."""
        return {}

    def purge(self, *, before: int) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """Nothing is held open."""
