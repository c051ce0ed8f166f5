"""Reading flags: the keys of a set, the flags behind them, and their history."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from burgee.adapters.dynamodb.client import DynamoClient, Item, pages
from burgee.adapters.dynamodb.items import flag_of, int_of, number, text, text_of, unsealed
from burgee.adapters.dynamodb.layout import (
    flag_key,
    is_key_text,
    revision_prefix,
    version_key,
    version_sort,
)
from burgee.adapters.dynamodb.tables import TableNames
from burgee.errors import StoreDamagedError
from burgee.model.flag import Flag, FlagVersion, Tombstone

_log = logging.getLogger("burgee.dynamodb")

_PAGE = 100
FAR_REVISIONS = 200
"""From so many revisions on, what changed is read from all keys of the set and not revision by revision."""


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a key of a set: the flag `id`, or the tombstone of one."""

    key: str
    version: int
    revision: int
    id: str = ""
    tombstone: Tombstone | None = None


def entry_of(item: Item) -> KeyEntry:
    """The entry of an item.

    Raises StoreDamagedError.
    """
    key = text_of(item, "sk").removeprefix("flag#")
    return KeyEntry(
        key=key,
        version=int_of(item, "version"),
        revision=int_of(item, "revision"),
        id=text_of(item, "id"),
        tombstone=unsealed(item, Tombstone, f"the tombstone of {key}") if "document" in item else None,
    )


class FlagReads:
    """Reads of flags and their history. Every read is consistent (F13)."""

    def __init__(self, client: DynamoClient, names: TableNames) -> None:
        self._client, self._names = client, names

    def entries(self, flag_set: str, *, after: str = "", page: int | None = None) -> Iterator[KeyEntry]:
        """The keys of a set in order, those above `after`."""
        items = self._client.query(
            self._names.main,
            "pk = :pk AND sk BETWEEN :after AND :end",
            limit=page,
            ExpressionAttributeValues={
                ":pk": text(f"set#{flag_set}"),
                ":after": text(f"flag#{after}"),
                ":end": text("flag#~"),
            },
        )
        return (entry for item in items if (entry := entry_of(item)).key > after)

    def entries_of(self, flag_set: str, keys: Collection[str]) -> dict[str, KeyEntry]:
        """What stands at each of `keys`; one that never lived is missing."""
        wanted = [
            (self._names.main, flag_key(flag_set, key)) for key in keys if is_key_text(key, limit=1_000)
        ]
        entries = (entry_of(item) for _, item in self._client.get_many(wanted))
        return {entry.key: entry for entry in entries}

    def flags(self, flag_set: str, entries: Iterable[KeyEntry]) -> Iterator[Flag]:
        """The living flags among `entries`, in their order.

        A flag whose item is gone or damaged is read from its history.
        """
        for some in pages((entry for entry in entries if entry.id), _PAGE):
            keys = [(self._names.flags, {"id": text(entry.id)}) for entry in some]
            items = {text_of(item, "id"): item for _, item in self._client.get_many(keys)}
            for entry in some:
                yield self.flag_behind(flag_set, entry, items.get(entry.id))

    def flag_behind(self, flag_set: str, entry: KeyEntry, item: Item | None) -> Flag:
        """The flag of `entry`, whose item was read as `item`.

        Raises StoreDamagedError where its history does not have it either.
        """
        if item is not None:
            try:
                flag = flag_of(item)
            except StoreDamagedError:
                flag = None
            if flag is not None and (flag.flag_set, flag.key) == (flag_set, entry.key):
                return flag
        _log.warning("flag.read_from_history", extra={"flag_set": flag_set, "flag_key": entry.key})
        step = self.step(flag_set, entry.key, entry.version)
        if step is None or step.flag is None:
            raise StoreDamagedError(f"flag {flag_set}/{entry.key} is neither in its table nor in its history")
        return step.flag

    # --- history

    def step(self, flag_set: str, key: str, version: int) -> FlagVersion | None:
        """One step of a flag."""
        item = self._client.get(self._names.main, version_key(flag_set, key, version))
        return None if item is None else _step(item)

    def steps_of(self, flag_set: str, entries: Sequence[KeyEntry]) -> Iterator[FlagVersion]:
        """The newest step of each of `entries`.

        Raises StoreDamagedError where one is missing.
        """
        for some in pages(entries, _PAGE):
            keys = [(self._names.main, version_key(flag_set, entry.key, entry.version)) for entry in some]
            steps = {step.key: step for step in map(_step, (item for _, item in self._client.get_many(keys)))}
            for entry in some:
                if entry.key not in steps:
                    raise StoreDamagedError(f"the history of {flag_set}/{entry.key} has a gap")
                yield steps[entry.key]

    def versions(self, flag_set: str, key: str, *, newest: int | None, page: int) -> Iterator[FlagVersion]:
        """Steps from version `newest` (None: the last one) downwards.

        Raises StoreDamagedError where one is missing.
        """
        if (newest is not None and newest < 1) or not is_key_text(key, limit=1_000):
            return
        items = self._client.query(
            self._names.main,
            "pk = :pk AND sk BETWEEN :first AND :newest",
            limit=max(1, min(page, 1_000)),
            ScanIndexForward=False,
            ExpressionAttributeValues={
                ":pk": text(f"flag#{flag_set}#{key}"),
                ":first": text(version_sort(1)),
                ":newest": text("v#~" if newest is None else version_sort(newest)),
            },
        )
        last = None
        for item in items:
            step = _step(item)
            if last is not None and step.version != last - 1:
                raise StoreDamagedError(f"the history of {flag_set}/{key} has a gap")
            last = step.version
            yield step
        if last is not None and last != 1:
            raise StoreDamagedError(f"the history of {flag_set}/{key} has a gap")

    def at_revision(self, flag_set: str, key: str, revision: int) -> FlagVersion | None:
        """The last step of a flag at or below `revision`."""
        if not is_key_text(key, limit=1_000):
            return None
        items = self._client.query(
            self._names.main,
            "pk = :pk AND begins_with(sk, :step)",
            ScanIndexForward=False,
            FilterExpression="#revision <= :revision",
            ExpressionAttributeNames={"#revision": "revision"},
            ExpressionAttributeValues={
                ":pk": text(f"flag#{flag_set}#{key}"),
                ":step": text("v#"),
                ":revision": number(revision),
            },
        )
        return next((_step(item) for item in items), None)

    def changed_keys(self, flag_set: str, *, after: int) -> set[str]:
        """The keys that the revisions after `after` changed."""
        items = self._client.query(
            self._names.main,
            "pk = :pk AND sk BETWEEN :first AND :end",
            ExpressionAttributeValues={
                ":pk": text(f"set#{flag_set}"),
                ":first": text(revision_prefix(after + 1)),
                ":end": text("rev#~"),
            },
        )
        return {key for item in items for key in _keys_of(item)}


def _keys_of(item: Item) -> list[str]:
    try:
        return msgspec.json.decode(text_of(item, "keys").encode(), type=list[str])
    except msgspec.DecodeError as error:
        raise StoreDamagedError("what a revision changed cannot be read") from error


def _step(item: Item) -> FlagVersion:
    return unsealed(item, FlagVersion, f"{text_of(item, 'pk')} {text_of(item, 'sk')}")
