"""Browsing: the reads of the management API, page by page."""

import base64
from typing import Generic, TypeVar

import msgspec

from burgee.errors import Fault, InvalidInputError, NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus, FlagVersion
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.ports import FlagQuery, FlagStore
from burgee.service.history import flag_at

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True, rename="camel"):
    """Some of a list; `next_cursor` None means that there is no more."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


class Browser:
    """Reads what is stored. The default flag set always exists, at revision 0 before the first publish."""

    def __init__(self, store: FlagStore) -> None:
        self._store = store

    def flag_sets(self) -> tuple[FlagSet, ...]:
        """All flag sets, ordered by key."""
        stored = {each.key: each for each in self._store.flag_sets()}
        stored.setdefault(DEFAULT_FLAG_SET, FlagSet())
        return tuple(stored[key] for key in sorted(stored))

    def flag_set(self, key: str) -> FlagSet:
        """The flag set of that key.

        Raises NotFoundError.
        """
        found = self._store.flag_set(key)
        if found is None and key == DEFAULT_FLAG_SET:
            return FlagSet()
        if found is None:
            raise NotFoundError(f"there is no flag set {key}")
        return found

    def flag(self, flag_set: str, key: str) -> Flag:
        """The flag as it is now.

        Raises NotFoundError.
        """
        found = self._store.flag(flag_set, key)
        if found is None:
            raise NotFoundError(f"there is no flag {key} in flag set {flag_set}")
        return found

    def flag_by_id(self, flag_set: str, flag_id: str) -> Flag:
        """The flag of that id as it is now.

        Raises NotFoundError.
        """
        found = self._store.flag_by_id(flag_set, flag_id)
        if found is None:
            raise NotFoundError(f"there is no flag with this id in flag set {flag_set}")
        return found

    def flags(
        self,
        *,
        within: tuple[str, ...] | None = None,
        flag_set: str | None = None,
        status: FlagStatus | None = None,
        tag: str | None = None,
        search: str = "",
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Flag]:
        """Flags ordered by (flag set, key), at most `limit` after `cursor`; `within` None looks at all sets.

        Raises InvalidInputError (`invalid-cursor`).
        """
        query = FlagQuery(
            within=within,
            flag_set=flag_set,
            status=status,
            tag=tag,
            search=search,
            after=None if cursor is None else _read_cursor(cursor, tuple[str, str]),
            # One more than asked for shows whether there is a next page.
            limit=limit + 1,
        )
        found = self._store.find_flags(query)
        if len(found) <= limit:
            return Page(items=found)
        last = found[limit - 1]
        return Page(items=found[:limit], next_cursor=_cursor([last.flag_set, last.key]))

    def history(
        self, flag_set: str, key: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[FlagVersion]:
        """The steps of a flag, deleted or not, newest first.

        Raises NotFoundError for a key that never lived, InvalidInputError (`invalid-cursor`).
        """
        before = None if cursor is None else _read_cursor(cursor, int)
        found = self._store.flag_versions(flag_set, key, before=before, limit=limit + 1)
        if not found and before is None:
            raise NotFoundError(f"there never was a flag {key} in flag set {flag_set}")
        if len(found) <= limit:
            return Page(items=found)
        return Page(items=found[:limit], next_cursor=_cursor(found[limit - 1].version))

    def flag_at(self, flag_set: str, key: str, *, revision: int) -> FlagVersion:
        """The flag's last step at or below `revision`; its `flag` is None where that step deleted it.

        Raises NotFoundError where the flag did not exist yet, or its set has not come to that revision.
        """
        return flag_at(self._store, self.flag_set(flag_set), key, revision=revision)

    def snapshot(self, flag_set: str) -> Snapshot:
        """The whole set at one revision.

        Raises NotFoundError.
        """
        found = self._store.snapshot(flag_set)
        return found if found is not None else Snapshot(flag_set=self.flag_set(flag_set))


def _cursor(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def _read_cursor(cursor: str, kind: type[Item]) -> Item:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (ValueError, msgspec.DecodeError):
        raise InvalidInputError(
            [Fault("", "invalid-cursor", "this cursor is not one that was given out")]
        ) from None
