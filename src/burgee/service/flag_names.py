"""Flag names: the flag behind a name, for clients that know flags by nothing else."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from burgee.engine.program import Program
from burgee.errors import NotFoundError
from burgee.model.flag import Flag
from burgee.ports import FlagStore
from burgee.service.catalogue import LiveCatalogue


def name_of(flag: Flag) -> str:
    """What a flag is called: its name, or its key where it has none."""
    return flag.name or flag.key


def keys_by_name(flags: Iterable[Flag]) -> dict[str, str]:
    """The key for each name. Of several flags with one name the oldest has it: nobody takes it away later."""
    oldest_last = sorted(flags, key=lambda flag: (flag.created_at, flag.key), reverse=True)
    return {name_of(flag): flag.key for flag in oldest_last}


class _Index(NamedTuple):
    program: Program
    keys: dict[str, str]


class FlagNames:
    """Finds flags by their exact names: the key from what is served, the flag itself from the store.

    `look` brings what is served up to date, for a name that another process may just have published.
    """

    def __init__(self, store: FlagStore, live: LiveCatalogue, *, look: Callable[[], object]) -> None:
        self._store = store
        self._live = live
        self._look = look
        self._indexes: dict[str, _Index] = {}

    def flag(self, flag_set: str, name: str) -> Flag:
        """The flag as it is stored now.

        Raises NotFoundError, UnavailableError.
        """
        found = self._stored(flag_set, name)
        if found is None:
            self._look()
            found = self._stored(flag_set, name)
        if found is None:
            raise NotFoundError(f"there is no flag named {name} in flag set {flag_set}")
        return found

    def _stored(self, flag_set: str, name: str) -> Flag | None:
        program = self._live.current.programs.get(flag_set)
        key = self._keys(flag_set, program).get(name) if program is not None else None
        flag = self._store.flag(flag_set, key) if key is not None else None
        return flag if flag is not None and name_of(flag) == name else None

    def _keys(self, flag_set: str, program: Program) -> dict[str, str]:
        index = self._indexes.get(flag_set)
        if index is None or index.program is not program:
            # Two threads may both make it: they make the same, and the later publish wins soon.
            index = _Index(program, keys_by_name(program.snapshot.flags))
            self._indexes[flag_set] = index
        return index.keys
