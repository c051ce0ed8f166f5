"""A resolution: what one evaluation answers (OpenFeature resolution details)."""

from enum import Enum

import msgspec

from burgee.model.flag import MetadataValue
from burgee.model.json import JsonValue


class Reason(Enum):
    """Why a flag resolved as it did; the names are OpenFeature's."""

    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    DEFAULT = "DEFAULT"
    DISABLED = "DISABLED"
    ERROR = "ERROR"


class ErrorCode(Enum):
    """What went wrong; the names are OpenFeature's."""

    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    GENERAL = "GENERAL"


class Resolution(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The answer of one evaluation.

    `variant` None with `error_code` None means that the caller's code default applies (disabled flag, or
    no default variant). A program makes each possible resolution of a flag once, so that identity can be
    used as a key for prebuilt bytes: equality and hash are those of the object. `flag_set` is empty where
    no flag was found.
    """

    flag_key: str
    reason: Reason
    value: JsonValue = None
    variant: str | None = None
    error_code: ErrorCode | None = None
    error_message: str = ""
    metadata: dict[str, MetadataValue] = {}
    flag_set: str = ""
