"""Counts of evaluations as lines of a log: how a function without a store of its own hands them on.

{"burgee":"usage","counts":[{"flagSet":"default","flagKey":"banner","hour":...,"count":3,...}]}

A line of the same kind says when SDK keys were last used, by id: {"burgee":"usage","counts":[],"keys":{...}}.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from burgee.model.usage import UsageCount

KIND = "usage"
"""The value of `burgee` by which these lines are told from others."""

COUNTS_IN_LINE = 500
"""A line of a log may have 256 KiB, and a count has some 200 bytes."""


KEYS_IN_LINE = 4_000


class _Line(msgspec.Struct, omit_defaults=True):
    burgee: str
    counts: list[UsageCount]
    keys: dict[str, float] = {}


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


def key_use_lines(uses: Mapping[str, float]) -> Iterator[str]:
    """When SDK keys were last used (Unix seconds by id), as lines without their ends."""
    pairs = list(uses.items())
    for start in range(0, len(pairs), KEYS_IN_LINE):
        part = dict(pairs[start : start + KEYS_IN_LINE])
        yield msgspec.json.encode(_Line(KIND, [], part)).decode()


def read_key_uses(line: str) -> dict[str, float]:
    """When SDK keys were last used, by `line`; nothing where it is a line of another kind."""
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return found.keys if found.burgee == KIND else {}
