"""What writes of overrides put into the tables, checked against what stands there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from burgee.adapters.dynamodb.actions import Action, put
from burgee.adapters.dynamodb.client import Item
from burgee.adapters.dynamodb.flag_reads import KeyEntry
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.guards import NEW, OURS, Guard, unchanged
from burgee.adapters.dynamodb.items import (
    int_of,
    number,
    override_item,
    override_of,
    sealed,
    source_override,
    text,
    text_of,
)
from burgee.adapters.dynamodb.layout import change_key, index_key, is_key_text, user_id
from burgee.errors import VersionConflictError
from burgee.model.flag import Flag
from burgee.model.override import Override, OverrideChange

Place = tuple[str, str, str]


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An override that is there. `sequence` 0: a source service wrote it, and nothing counts it yet."""

    override: Override
    flag_id: str
    sequence: int


class OverrideWrites:
    """The actions of `changes`: one for each item, the last change of a place counts.

    `seen` are the mappings, by user and flag id, that a source service wrote and that are adopted by this.
    """

    def __init__(
        self,
        store: DynamoFlagStore,
        changes: Sequence[OverrideChange],
        *,
        seen: Mapping[tuple[str, str], Item],
    ) -> None:
        self._client, self._names, self._changes = store.client, store.names, changes
        self._seen = seen
        places = {change.place for change in changes}
        self._entries = entries_of(store, places)
        self._stored = self._indexed(places)
        self._mappings = self._read_mappings(places)
        for place, item in self._mappings.items():
            if place not in self._stored and "document" not in item:
                self._note_source(place, item)

    def require_versions(self) -> None:
        """Raises VersionConflictError where a change is not of what stands there."""
        versions = {place: each.override.version for place, each in self._stored.items()}
        for change in self._changes:
            current = versions.get(change.place, 0)
            if current != change.expected_version:
                message = f"the override of {change.flag_key} is at version {current}"
                raise VersionConflictError(message, current=current)
            versions[change.place] = change.override.version if change.override is not None else 0

    @property
    def growth(self) -> int:
        """How many more overrides are counted afterwards."""
        last = {change.place: change.override is not None for change in self._changes}
        counted = sum(1 for place in last if place in self._stored and self._stored[place].sequence)
        return sum(last.values()) - counted

    def actions(self, *, sequence: int) -> list[Action]:
        """Those of the changes, whose events come after `sequence`."""
        last = {change.place: (number, change) for number, change in enumerate(self._changes, sequence + 1)}
        found: dict[tuple[str, ...], Action] = {}
        for at, change in last.values():
            for action in self._of(change, at):
                found[action.place] = action
        return list(found.values())

    def _of(self, change: OverrideChange, at: int) -> Iterator[Action]:
        before = self._stored.get(change.place)
        user, new_id = user_id(change.targeting_key), self._flag_id(change.place)
        if before is not None and (change.override is None or before.flag_id != new_id):
            key = {"userId": text(user), "flagId": text(before.flag_id)}
            guard = self._guard(change.place, user, before.flag_id)
            yield Action(table=self._names.overrides, key=key, guard=guard)
        if before is not None and before.sequence:
            yield Action(table=self._names.main, key=change_key(before.sequence))
        if change.override is None:
            yield Action(table=self._names.main, key=index_key(*change.place))
            return
        mapping = override_item(change.override, user_id=user, flag_id=new_id, sequence=at)
        what = f"the override of {change.flag_key}"
        guard = self._guard(change.place, user, new_id)
        yield put(self._names, self._names.overrides, mapping, what=what, guard=guard)
        index = {
            **index_key(*change.place),
            "flagId": text(new_id),
            "sequence": number(at),
            **sealed(change.override),
        }
        yield put(self._names, self._names.main, index, what=what)
        noted = {**change_key(at), "subject": text(change.targeting_key)}
        yield put(self._names, self._names.main, noted, what=what)

    def _guard(self, place: Place, user: str, flag_id: str) -> Guard:
        """Nobody has written that mapping since it was read, or since Burgee wrote it."""
        if (user, flag_id) in self._seen:
            return unchanged(self._seen[user, flag_id])
        stored = self._stored.get(place)
        if stored is not None and stored.sequence and stored.flag_id == flag_id:
            return OURS
        item = self._mappings.get(place)
        return unchanged(item) if item is not None and text_of(item, "flagId") == flag_id else NEW

    def _flag_id(self, place: Place) -> str:
        """The id of the flag as the mapping has it; one of no flag still needs a key."""
        entry, before = self._entries.get(place[:2]), self._stored.get(place)
        if entry is not None and entry.id:
            return entry.id
        # No id of a flag has a slash.
        return before.flag_id if before is not None else f"{place[0]}/{place[1]}"

    # --- what stands there

    def _indexed(self, places: Iterable[Place]) -> dict[Place, _Stored]:
        stored: dict[Place, _Stored] = {}
        for _, item in self._client.get_many((self._names.main, index_key(*place)) for place in places):
            override = override_of(item)
            stored[override.flag_set, override.flag_key, override.targeting_key] = _Stored(
                override=override, flag_id=text_of(item, "flagId"), sequence=int_of(item, "sequence")
            )
        return stored

    def _read_mappings(self, places: Iterable[Place]) -> dict[Place, Item]:
        """The mappings of the places whose index does not say what theirs is."""
        wanted = {
            (user_id(place[2]), self._flag_id(place)): place
            for place in places
            if place not in self._stored or self._stored[place].flag_id != self._flag_id(place)
        }
        keys = [
            (self._names.overrides, {"userId": text(user), "flagId": text(flag)}) for user, flag in wanted
        ]
        found = (item for _, item in self._client.get_many(keys))
        return {wanted[text_of(item, "userId"), text_of(item, "flagId")]: item for item in found}

    def _note_source(self, place: Place, item: Item) -> None:
        flag = Flag(id=text_of(item, "flagId"), key=place[1], flag_set=place[0], variants={})
        found = source_override(item, flag=flag, targeting_key=place[2])
        if found is not None:
            self._stored[place] = _Stored(override=found, flag_id=flag.id, sequence=0)


def entries_of(store: DynamoFlagStore, places: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], KeyEntry]:
    """What stands at the keys of `places`, by flag set and key."""
    keys: dict[str, set[str]] = {}
    for place in places:
        if is_key_text(place[0], limit=1_000):
            keys.setdefault(place[0], set()).add(place[1])
    return {
        (flag_set, key): entry
        for flag_set, some in keys.items()
        for key, entry in store.reads.entries_of(flag_set, some).items()
    }
