"""The JSON value type that flag values, rules and contexts are made of."""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
    JsonObject: TypeAlias = dict[str, JsonValue]
else:
    # msgspec has no recursive aliases: at run time a JSON value is whatever the strict decoder let in.
    JsonValue = Any
    JsonObject = dict[str, Any]
