"""A flag: the named decision, its variants and its targeting rule."""

import re
from enum import Enum

import msgspec

from burgee.model.json import JsonObject, JsonValue
from burgee.model.limits import DEFAULT_LIMITS

DEFAULT_FLAG_SET = "default"
"""The flag set of flags that name none (flagd: flags without a flagSetId)."""

KEY_PATTERN = re.compile(rf"[A-Za-z0-9._-]{{1,{DEFAULT_LIMITS.key_characters}}}", re.ASCII)
"""What a flag key and a flag set key may look like; use with `fullmatch`."""

MetadataValue = str | int | float | bool


class FlagStatus(Enum):
    """Whether a flag is functional; a DISABLED flag resolves to the caller's code default."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class Flag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One flag at one version.

    `variants` maps a variant's name to its value; all values are of one JSON type. `default_variant`
    None means that the caller's code default answers. `targeting` is flagd JSONLogic; None and {} mean
    no rule. Times are Unix seconds.
    """

    id: str
    key: str
    flag_set: str = DEFAULT_FLAG_SET
    name: str = ""
    description: str = ""
    status: FlagStatus = FlagStatus.ENABLED
    variants: dict[str, JsonValue]
    default_variant: str | None = None
    targeting: JsonObject | None = None
    metadata: dict[str, MetadataValue] = {}
    tags: tuple[str, ...] = ()
    version: int = 1
    created_at: float = 0
    created_by: str = ""
    updated_at: float = 0
    updated_by: str = ""


class FlagVersion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step of a flag's history: what it was from `revision` on; `flag` None is a deletion."""

    flag_set: str
    key: str
    version: int
    revision: int
    at: float
    actor: str
    action: str
    flag: Flag | None


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A deleted flag key: `version` is that of the deletion, `reserved_until` a Unix time in seconds."""

    flag_set: str
    key: str
    version: int
    revision: int
    deleted_at: float
    reserved_until: float
