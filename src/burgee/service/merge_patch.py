"""JSON merge patch (RFC 7396)."""

from burgee.model.json import JsonObject, JsonValue


def merge(target: JsonValue, patch: JsonValue) -> JsonValue:
    """`target` with `patch` applied: a null in an object of the patch removes the member."""
    if not isinstance(patch, dict):
        return patch
    merged: JsonObject = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
