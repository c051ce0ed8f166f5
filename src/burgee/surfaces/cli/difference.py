"""The difference of two JSON values, place by place."""

from collections.abc import Iterator

from burgee.model.json import JsonValue

BOOKKEEPING = frozenset(
    {"id", "version", "createdAt", "createdBy", "updatedAt", "updatedBy", "lastEvaluatedAt"}
)


def differences(
    before: JsonValue, after: JsonValue, *, pointer: str = ""
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    """Each place that differs, as (JSON pointer, before, after), None where nothing was.

    Objects are compared key by key, everything else as a whole; a flag's bookkeeping at the top is left out.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            if pointer or key not in BOOKKEEPING:
                escaped = key.replace("~", "~0").replace("/", "~1")
                yield from differences(before.get(key), after.get(key), pointer=f"{pointer}/{escaped}")
    elif type(before) is not type(after) or before != after:
        yield pointer, before, after
