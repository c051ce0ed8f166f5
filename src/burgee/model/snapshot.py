"""A snapshot: all definitions of one flag set at one revision."""

import msgspec

from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag set with its flags, ordered by key, all of one revision (`flag_set.revision`)."""

    flag_set: FlagSet
    flags: tuple[Flag, ...] = ()


class StoreSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything a server needs to evaluate, as kept in a snapshot file beside the store.

    `audit_sequence` and `audit_hash` are the audit head at that moment: the high-water mark by which a
    damaged or emptied store is recognised at start. `taken_at` is Unix seconds.
    """

    sets: tuple[Snapshot, ...] = ()
    audit_sequence: int = 0
    audit_hash: str = ""
    taken_at: float = 0
