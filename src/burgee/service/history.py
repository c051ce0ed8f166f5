"""History: what a flag was at a revision of its set."""

from burgee.errors import NotFoundError
from burgee.model.flag import FlagVersion
from burgee.model.flag_set import FlagSet
from burgee.ports import FlagStore


def flag_at(store: FlagStore, flag_set: FlagSet, key: str, *, revision: int) -> FlagVersion:
    """The flag's last step at or below `revision`; its `flag` is None where that step deleted it.

    Raises NotFoundError where the flag did not exist yet, or the set has not come to that revision: what
    the flag will be then is not known, and most likely another number was meant.
    """
    if revision > flag_set.revision:
        raise NotFoundError(
            f"there is no revision {revision} of flag set {flag_set.key} yet: "
            f"it is at revision {flag_set.revision}"
        )
    found = store.flag_at(flag_set.key, key, revision=revision)
    if found is None:
        raise NotFoundError(f"there was no flag {key} in flag set {flag_set.key} at revision {revision}")
    return found
