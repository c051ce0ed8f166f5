"""Counts of evaluations as lines of a log: how a function without a store of its own hands them on.

{"burgee":"usage","counts":[{"flagSet":"default","flagKey":"banner","hour":...,"count":3,...}]}
"""

from collections.abc import Iterator, Sequence

import msgspec

from burgee.model.usage import UsageCount

KIND = "usage"
"""The value of `burgee` by which these lines are told from others."""

COUNTS_IN_LINE = 500
"""A line of a log may have 256 KiB, and a count has some 200 bytes."""


class _Line(msgspec.Struct):
    burgee: str
    counts: list[UsageCount]


def usage_lines(counts: Sequence[UsageCount]) -> Iterator[str]:
    """`counts` as lines without their ends."""
    for start in range(0, len(counts), COUNTS_IN_LINE):
        part = list(counts[start : start + COUNTS_IN_LINE])
        yield msgspec.json.encode(_Line(KIND, part)).decode()


def read_usage_line(line: str) -> list[UsageCount]:
    """The counts in `line`, none where it is a line of another kind."""
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeError):
        return []
    return [each for each in found.counts if each.count > 0] if found.burgee == KIND else []
