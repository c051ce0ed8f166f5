"""Drafts: what a client may write of a flag and of a flag set, read strictly with every fault named."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.model.flag import Flag, FlagStatus, MetadataValue
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.json import JsonObject, JsonValue
from burgee.service.merge_patch import merge

Draft = TypeVar("Draft", bound=msgspec.Struct)
Content = TypeVar("Content", "FlagDraft", "FlagSetDraft")

_canonical = msgspec.json.Encoder(order="sorted")
_PATH_PART = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


class FlagDraft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client may write of a flag; the publisher adds identity, version, times and authors."""

    name: str = ""
    description: str = ""
    status: FlagStatus = FlagStatus.ENABLED
    variants: dict[str, JsonValue] = {}
    default_variant: str | None = None
    targeting: JsonObject | None = None
    metadata: dict[str, MetadataValue] = {}
    tags: tuple[str, ...] = ()


class FlagSetDraft(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client may write of a flag set."""

    source: str = ""
    priority: int = 0
    fractional: FractionalGeneration | None = None
    metadata: dict[str, MetadataValue] = {}
    evaluators: dict[str, JsonObject] = {}


def flag_draft(form: JsonValue) -> FlagDraft:
    """The draft that the JSON object `form` says.

    Raises InvalidInputError with every unknown or ill-typed field.
    """
    return _decode(form, FlagDraft)


def flag_set_draft(form: JsonValue) -> FlagSetDraft:
    """The draft that the JSON object `form` says.

    Raises InvalidInputError with every unknown or ill-typed field.
    """
    return _decode(form, FlagSetDraft)


def check_patch(patch: JsonObject, kind: type[FlagDraft | FlagSetDraft]) -> None:
    """Refuse what no stored content can make right of a JSON merge patch for a draft of `kind`.

    Raises InvalidInputError with every unknown or ill-typed field.
    """
    known = {field.encode_name: None for field in msgspec.structs.fields(kind)}
    removed: JsonObject = {name: {} for name, value in patch.items() if value is None and name not in known}
    _decode(removed | cast("JsonObject", merge({}, patch)), kind)


def draft_of_flag(flag: Flag) -> FlagDraft:
    """The part of `flag` that a client writes."""
    return FlagDraft(**{name: getattr(flag, name) for name in FlagDraft.__struct_fields__})


def draft_of_flag_set(flag_set: FlagSet) -> FlagSetDraft:
    """The part of `flag_set` that a client writes."""
    return FlagSetDraft(**{name: getattr(flag_set, name) for name in FlagSetDraft.__struct_fields__})


def form_of(draft: FlagDraft | FlagSetDraft) -> JsonObject:
    """The JSON form of `draft`, with every member present."""
    form: JsonObject = msgspec.to_builtins(draft)
    return form


def same_content(one: Content, other: Content) -> bool:
    """Whether two drafts say the same: 10 and 10.0 differ, the order of members does not count."""
    return _canonical.encode(one) == _canonical.encode(other)


def escape(name: str) -> str:
    """`name` as one token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _decode(form: JsonValue, kind: type[Draft]) -> Draft:
    if not isinstance(form, dict):
        raise InvalidInputError([Fault("", "wrong-type", "an object is expected")])
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = [
        Fault(f"/{escape(name)}", "unknown-field", f"there is no field {name!r} to write")
        for name in form
        if name not in fields
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in form:
            faults += _convert(f"/{name}", form[name], field.type, into=values, name=field.name)
    if faults:
        raise InvalidInputError(faults)
    return kind(**values)


def _convert(pointer: str, value: JsonValue, kind: Any, *, into: dict[str, Any], name: str) -> list[Fault]:
    if name in {"metadata", "evaluators"} and isinstance(value, Mapping):
        # Member by member: msgspec does not say which member of a dictionary is at fault.
        member_kind = kind.__args__[1]
        members: dict[str, Any] = {}
        faults: list[Fault] = []
        for key, member in value.items():
            faults += _convert(f"{pointer}/{escape(key)}", member, member_kind, into=members, name=key)
        into[name] = members
        return faults
    try:
        into[name] = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        return [Fault(pointer + _pointer(path.rstrip("`")), "wrong-type", message[:1].lower() + message[1:])]
    return []


def _pointer(path: str) -> str:
    return "".join(
        f"/{escape(match[1] or match[2])}" for match in _PATH_PART.finditer(path) if match[0] != "[...]"
    )
