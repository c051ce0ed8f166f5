"""Which flag sets a caller may see, where a request names none."""

from burgee.surfaces.http.exchange import Call


def in_scope(call: Call, flag_set: str) -> bool:
    """Whether the caller's identity reaches `flag_set`; an identity without sets reaches all."""
    return call.identity is not None and (not call.identity.flag_sets or flag_set in call.identity.flag_sets)
