"""Semantic versions as flagd's `sem_ver` compares them (semver.org 2.0.0, with `v` and short forms)."""

import re
from functools import lru_cache
from typing import Any, TypeAlias

from burgee.engine.values import to_text

VersionKey: TypeAlias = tuple[int, int, int, tuple[Any, ...]]
"""Major, minor, patch and a key that orders pre-releases below the release; build metadata is not in it."""

_NUMBER = r"(0|[1-9][0-9]{0,18})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"[vV]?{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER})?)?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_LONGEST = 256


@lru_cache(maxsize=8192)
def _parsed(text: str) -> VersionKey | None:
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, before = match.groups()
    return int(major), int(minor or 0), int(patch or 0), _precedence(before)


def version_of(value: Any) -> VersionKey | None:
    """The key by which versions compare; None for what is no version.

    "1" and "1.2" are padded with zeros; the numbers 1 and 1.2 are versions too.
    """
    if type(value) is str:
        return _parsed(value) if len(value) <= _LONGEST else None
    if type(value) is int or type(value) is float:
        return _parsed(to_text(value))
    return None


def _precedence(before: str | None) -> tuple[Any, ...]:
    if before is None:
        return (1,)
    return (0, *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split(".")))


def compare(a: Any = None, operator: Any = None, b: Any = None, *more: Any) -> bool | None:
    """`sem_ver`: None, never false, for anything that cannot be compared."""
    left, right = version_of(a), version_of(b)
    if left is None or right is None or more or type(operator) is not str:
        return None
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "^":
            return left[0] == right[0]
        case "~":
            return left[:2] == right[:2]
        case _:
            return None
