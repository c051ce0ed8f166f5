"""Seals: a SHA-256 beside every row, and digests of many rows, so that damage is seen and never served.

SQLite's own check sees 4 % of flipped bits (reliability.md finding 8). A seal covers the table's name and
every other column of its row; a digest is the XOR of the seals of a set of rows, so that one write changes
it without reading the others, and a row that is lost or returned from the dead changes it too.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import msgspec

from burgee.errors import StoreDamagedError

Value: TypeAlias = int | float | str | bytes | None
"""What a column holds."""

EMPTY_DIGEST = bytes(32)
"""The digest of no rows."""

Decoded = TypeVar("Decoded")

_parts = msgspec.msgpack.Encoder()


def seal_of(table: str, *columns: Value) -> bytes:
    """The 32-byte seal of a row; MessagePack keeps the columns and their types apart."""
    return hashlib.sha256(_parts.encode((table, columns))).digest()


def unsealed(table: str, row: Sequence[Value]) -> Sequence[Value]:
    """The columns of `row` without its last, the seal.

    Raises StoreDamagedError where the seal is not that of the others.
    """
    if row[-1] != seal_of(table, *row[:-1]):
        raise StoreDamagedError(f"a row of {table} fails its hash: {row[0]!r:.80}")
    return row[:-1]


def toggled(digest: bytes, *seals: bytes) -> bytes:
    """`digest` with each of `seals` put in where it was not, and taken out where it was."""
    number = int.from_bytes(digest)
    for each in seals:
        number ^= int.from_bytes(each)
    return number.to_bytes(32)


def decoded(content: Value, kind: type[Decoded]) -> Decoded:
    """The JSON `content` of a row whose seal was good.

    Raises StoreDamagedError where it is none of `kind`: written by something that was not Burgee.
    """
    try:
        return msgspec.json.decode(content if isinstance(content, bytes) else b"", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreDamagedError(f"a stored {kind.__name__} cannot be read: {error}") from error
