"""Small questions that a caller is handed as functions: what time it is, how far the audit is known."""

from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Unix seconds now."""

ExportedHead: TypeAlias = Callable[[], tuple[int, str]]
"""Sequence and hash of the last audit event known outside the store; (0, GENESIS_HASH) where none is."""
