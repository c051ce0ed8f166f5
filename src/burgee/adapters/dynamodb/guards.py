"""Guards of a source's items: what must be so of one for a write over it to hold, and what is done after.

A source service writes its tables whenever it likes. Before a commit is decided, a guard that does not hold
refuses it. Once it is decided it must be written out: then Burgee's write goes beneath what the source has
done meanwhile, as if the source had come a moment later.
"""

from typing import Any

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.items import IS_OURS, OWN_NAMES, as_read, is_ours

_CHANGES = ("status", "updatedAt")
_ITS_LAST_WORD = (*_CHANGES, "updatedBy")


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """The item is missing, or, where `may_be_ours`, was last written by Burgee; or it is as `read`."""

    may_be_ours: bool = False
    read: Item | None = None

    def holds(self, item: Item | None) -> bool:
        """Whether it holds of `item`."""
        if self.read is not None:
            return all((item or {}).get(name) == self.read.get(name) for name in _CHANGES)
        return item is None or (self.may_be_ours and is_ours(item))

    def condition(self, key: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """The same as DynamoDB's condition, with names and values; `key` is a key attribute of the item."""
        if self.read is not None:
            condition, values, names = as_read(self.read)
            return condition, names, values
        missing = f"attribute_not_exists({key})"
        return (f"{missing} OR ({IS_OURS})", OWN_NAMES, {}) if self.may_be_ours else (missing, {}, {})


NEW = Guard()
"""Nothing is there."""

OURS = Guard(may_be_ours=True)
"""Nothing is there, or what Burgee has written."""


def unchanged(item: Item) -> Guard:
    """The item is as it was read."""
    return Guard(read={name: item[name] for name in _CHANGES if name in item})


def beneath(item: Item, there: Item) -> Item:
    """`item` of Burgee's with what a source service has done to it meanwhile, as `there` has it."""
    return {**item, **{name: there[name] for name in _ITS_LAST_WORD if name in there}}
