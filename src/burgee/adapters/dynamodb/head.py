"""The head: the one item that every write moves on, and by which all of them are in one order."""

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.items import int_of, number, text, text_of
from burgee.adapters.dynamodb.layout import HEAD_KEY
from burgee.errors import UnavailableError
from burgee.model.audit import GENESIS_HASH

MIGRATION = "migration"
"""The attribute by which a head says that its store is being copied into, with the job that does."""

UNMOVED = "#sequence = :sequence AND #hash = :hash AND attribute_not_exists(#pending)"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store stands after the commit `commit`.

    `pending` names a commit that is decided and not yet written out: `done` of its chunks are.
    """

    sequence: int = 0
    hash: str = GENESIS_HASH
    commit: str = ""
    override_sequence: int = 0
    override_count: int = 0
    key_changes: int = 0
    pending: str = ""
    parts: int = 0
    done: int = 0


def head_of(item: Item | None, *, is_moving: bool = False) -> Head:
    """The head that an item holds; that of an empty store where there is none.

    Raises UnavailableError where the store is half a copy, save for who is making it (`is_moving`).
    """
    if item is None:
        return Head()
    if MIGRATION in item and not is_moving:
        raise UnavailableError(
            "the tables hold half a copy of another store: run `burgee migrate` again", retry_after=30.0
        )
    return Head(
        sequence=int_of(item, "sequence"),
        hash=text_of(item, "hash"),
        commit=text_of(item, "commit"),
        override_sequence=int_of(item, "overrideSequence"),
        override_count=int_of(item, "overrideCount"),
        key_changes=int_of(item, "keyChanges"),
        pending=text_of(item, "pending"),
        parts=int_of(item, "parts"),
        done=int_of(item, "done"),
    )


def head_item(head: Head) -> Item:
    """The item of `head`."""
    item = {
        **HEAD_KEY,
        "sequence": number(head.sequence),
        "hash": text(head.hash),
        "commit": text(head.commit),
        "overrideSequence": number(head.override_sequence),
        "overrideCount": number(head.override_count),
        "keyChanges": number(head.key_changes),
    }
    if head.pending:
        item |= {"pending": text(head.pending), "parts": number(head.parts), "done": number(head.done)}
    return item
