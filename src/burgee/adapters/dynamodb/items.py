"""Items of the tables and what they mean: ours, and those that the source services wrote."""

import hashlib
import logging
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from burgee.adapters.dynamodb.client import Item
from burgee.errors import StoreDamagedError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.override import Override

Entity = TypeVar("Entity", bound=msgspec.Struct)

OFF = "off"
_SOURCE_VARIANTS: dict[str, Any] = {"on": True, "off": False}
_log = logging.getLogger("burgee.dynamodb")

IS_OURS = "attribute_exists(#document) AND #updatedAt = #publishedAt AND #status = #publishedStatus"
"""A condition: nobody but Burgee has written the item since Burgee did. `OWN_NAMES` are its names."""

OWN_NAMES = {
    f"#{name}": name for name in ("document", "updatedAt", "publishedAt", "status", "publishedStatus")
}


def text(value: str) -> dict[str, Any]:
    """A text as an attribute."""
    return {"S": value}


def number(value: int | float) -> dict[str, Any]:
    """A number as an attribute; a float comes back to the last bit."""
    return {"N": repr(value) if isinstance(value, float) else str(value)}


def text_of(item: Item, name: str, default: str = "") -> str:
    """The text of an attribute."""
    return str(item.get(name, {}).get("S", default))


def int_of(item: Item, name: str, default: int = 0) -> int:
    """The whole number of an attribute, which the source may have written as a text or with a fraction."""
    return int(float_of(item, name, float(default)))


def float_of(item: Item, name: str, default: float = 0.0) -> float:
    """The number of an attribute."""
    attribute = item.get(name, {})
    try:
        found = float(str(attribute.get("N", attribute.get("S", default))))
    except (TypeError, ValueError):
        return default
    return found if math.isfinite(found) else default


def sealed(entity: msgspec.Struct) -> Item:
    """The attributes that hold `entity`, and its hash."""
    document = msgspec.json.encode(entity)
    return {"document": text(document.decode()), "sha256": text(hashlib.sha256(document).hexdigest())}


def unsealed(item: Item, kind: type[Entity], what: str) -> Entity:
    """What `sealed` made of an entity.

    Raises StoreDamagedError where it fails its hash or is none.
    """
    document = text_of(item, "document").encode("utf-8", "surrogatepass")
    if hashlib.sha256(document).hexdigest() != text_of(item, "sha256"):
        raise StoreDamagedError(f"{what} fails its hash")
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreDamagedError(f"{what} cannot be read: {error}") from error


# --- flags


def flag_item(flag: Flag) -> Item:
    """`flag` in the shape of the source, with what is Burgee's beside it."""
    return {
        "id": text(flag.id),
        **_source_part(flag.status, flag.created_at, flag.created_by, flag.updated_at, flag.updated_by),
        "name": text(flag.name or flag.key),
        "description": text(flag.description),
        "flagSet": text(flag.flag_set),
        "key": text(flag.key),
        "version": number(flag.version),
        **sealed(flag),
    }


def is_ours(item: Item) -> bool:
    """Whether Burgee was the last to write an item of a source's table."""
    return "document" in item and not _was_changed(item)


def flag_of(item: Item) -> Flag:
    """The flag of an item that Burgee has written; what the source changed since counts.

    Raises StoreDamagedError.
    """
    flag = unsealed(item, Flag, f"flag {text_of(item, 'id')}")
    if not _was_changed(item):
        return flag
    return msgspec.structs.replace(
        flag,
        status=status_of(item) or flag.status,
        updated_at=float_of(item, "updatedAt", flag.updated_at),
        updated_by=text_of(item, "updatedBy", flag.updated_by),
    )


def source_flag(item: Item, *, key: str = "") -> Flag | None:
    """The flag of an item as a Real-Dev-Squad service wrote it; None where it has no id or no known status.

    Generations A1 and A2 wrote `id` or, before that, `Id`; a status may be in any case. It is on or off
    for everybody, as it was.
    """
    flag_id, status = text_of(item, "id") or text_of(item, "Id"), status_of(item)
    if not flag_id or status is None:
        return None
    name = text_of(item, "name") or text_of(item, "Name") or flag_id
    created_at = float_of(item, "createdAt")
    return Flag(
        id=flag_id,
        key=key or flag_id,
        flag_set=DEFAULT_FLAG_SET,
        name=name,
        description=text_of(item, "description") or text_of(item, "Description"),
        status=status,
        variants=dict(_SOURCE_VARIANTS),
        default_variant="on",
        version=1,
        created_at=created_at,
        created_by=text_of(item, "createdBy"),
        updated_at=float_of(item, "updatedAt", created_at),
        updated_by=text_of(item, "updatedBy") or text_of(item, "createdBy"),
    )


def hatton_flag(item: Item) -> Flag | None:
    """The flag of an item of Hatton's table: `name`, `value`, `lastAccessed`; None where it is none.

    The value is the variant that answers everybody; the id follows from the name, so that it is the same
    however often the table is read.
    """
    name, value = text_of(item, "name"), item.get("value", {})
    if not name or not isinstance(value.get("BOOL"), bool):
        return None
    digest = hashlib.sha256(f"hatton#{name}".encode()).hexdigest()
    flag_id = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
    return Flag(
        id=flag_id,
        key=name,
        name=name,
        variants=dict(_SOURCE_VARIANTS),
        default_variant="on" if value["BOOL"] else "off",
        created_at=0.0,  # it does not say; a float, as every store gives it back
        updated_at=0.0,
    )


# --- overrides


def override_item(override: Override, *, user_id: str, flag_id: str, sequence: int) -> Item:
    """`override` in the shape of the source's mapping, with what is Burgee's beside it."""
    status = override.status or (FlagStatus.DISABLED if override.variant == OFF else FlagStatus.ENABLED)
    return {
        "userId": text(user_id),
        "flagId": text(flag_id),
        **_source_part(
            status, override.created_at, override.created_by, override.updated_at, override.updated_by
        ),
        "flagSet": text(override.flag_set),
        "flagKey": text(override.flag_key),
        "version": number(override.version),
        "sequence": number(sequence),
        **sealed(override),
    }


def override_of(item: Item) -> Override:
    """The override of an item that Burgee has written; what the source changed since counts.

    Raises StoreDamagedError.
    """
    override = unsealed(item, Override, "an override")
    if "publishedAt" not in item or not _was_changed(item):
        return override
    return msgspec.structs.replace(
        override,
        status=status_of(item) or override.status,
        variant=None,
        updated_at=float_of(item, "updatedAt", override.updated_at),
        updated_by=text_of(item, "updatedBy", override.updated_by),
    )


def source_override(item: Item, *, flag: Flag, targeting_key: str) -> Override | None:
    """The override of a mapping as a Real-Dev-Squad service wrote it; None where its status is unknown."""
    status = status_of(item)
    if status is None:
        return None
    created_at = float_of(item, "createdAt")
    return Override(
        flag_set=flag.flag_set,
        flag_key=flag.key,
        targeting_key=targeting_key,
        status=status,
        created_at=created_at,
        created_by=text_of(item, "createdBy"),
        updated_at=float_of(item, "updatedAt", created_at),
        updated_by=text_of(item, "updatedBy") or text_of(item, "createdBy"),
    )


def status_of(item: Item) -> FlagStatus | None:
    """The status of an item, in whatever case it was stored."""
    try:
        return FlagStatus(text_of(item, "status").upper())
    except ValueError:
        _log.warning("item.status_unknown")
        return None


def as_read(item: Item) -> tuple[str, dict[str, Any], dict[str, str]]:
    """A condition that a source's item is still as it was read, with its values and names."""
    values: dict[str, Any] = {}
    parts = []
    for name in ("status", "updatedAt"):
        if name in item:
            values[f":{name}"] = item[name]
            parts.append(f"#{name} = :{name}")
        else:
            parts.append(f"attribute_not_exists(#{name})")
    return " AND ".join(parts), values, {"#status": "status", "#updatedAt": "updatedAt"}


def _was_changed(item: Mapping[str, Any]) -> bool:
    return item.get("updatedAt") != item.get("publishedAt") or item.get("status") != item.get(
        "publishedStatus"
    )


def _source_part(
    status: FlagStatus, created_at: float, created_by: str, updated_at: float, updated_by: str
) -> Item:
    """What both source shapes have in common; times are whole seconds, for a reader in Go."""
    return {
        "status": text(status.value),
        "createdAt": number(int(created_at)),
        "createdBy": text(created_by),
        "updatedAt": number(int(updated_at)),
        "updatedBy": text(updated_by),
        "publishedAt": number(int(updated_at)),
        "publishedStatus": text(status.value),
    }
