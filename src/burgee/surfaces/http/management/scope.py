"""Which flag sets a caller may see, where a request names none."""

from burgee.surfaces.http.exchange import Call


def sets_in_scope(call: Call) -> tuple[str, ...] | None:
    """The flag sets that the caller's identity reaches, None where it reaches all; nobody reaches none."""
    if call.identity is None:
        return ()
    return call.identity.flag_sets or None


def in_scope(call: Call, flag_set: str) -> bool:
    """Whether the caller's identity reaches `flag_set`; an identity without sets reaches all."""
    sets = sets_in_scope(call)
    return sets is None or flag_set in sets
