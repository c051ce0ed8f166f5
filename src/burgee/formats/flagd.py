"""flagd's definition documents (https://flagd.dev/schema/v0/flags.json): bytes to flag sets and back.

Structure is judged here, with every fault at once. What stands inside `targeting` is judged by the engine.
Unknown members of a flag are passed over, as flagd does. Name, description, tags, versions and times of
Burgee's own have no place in the format: `render` leaves them out, since in-process providers refuse
flags with members that they do not know.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.formats import strict_json, strict_yaml
from burgee.formats.fault_list import FaultList, TooManyFaultsError
from burgee.formats.strict_json import escaped
from burgee.model.flag import DEFAULT_FLAG_SET, KEY_PATTERN, Flag, FlagStatus, MetadataValue
from burgee.model.flag_set import FlagSet
from burgee.model.garbage import collections_held
from burgee.model.json import JsonObject, JsonValue
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.snapshot import Snapshot

FLAG_SET_ID = "flagSetId"
_STATES = {state.value: state for state in FlagStatus}
_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object"}


class FlagSetDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One flag set of a document; ids, versions and times of its flags are empty."""

    flag_set: FlagSet
    flags: tuple[Flag, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a document holds, and `limits.faults` of its faults of structure; faulty flags are left out."""

    documents: tuple[FlagSetDocument, ...]
    faults: tuple[Fault, ...] = ()


def read(
    data: bytes,
    *,
    syntax: Literal["json", "yaml"] = "json",
    flag_set: str | None = None,
    source: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> Reading:
    """The flag sets of a document, ordered by key, and every structural fault with its JSON pointer.

    A flag's set is the `flagSetId` of its metadata, else that of the document, else `flag_set`, else
    `default`. Raises MalformedError and LimitExceededError where nothing can be read at all.
    """
    decode = strict_yaml.decode if syntax == "yaml" else strict_json.decode
    document = decode(data, max_bytes=limits.import_bytes, limits=limits)
    reader = _Reader(limits)
    found: tuple[FlagSetDocument, ...] = ()
    with collections_held(), suppress(TooManyFaultsError):
        found = reader.document(document, flag_set or DEFAULT_FLAG_SET, source)
    return Reading(documents=found, faults=tuple(reader.faults))


def parse(
    data: bytes,
    *,
    syntax: Literal["json", "yaml"] = "json",
    flag_set: str | None = None,
    source: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[FlagSetDocument, ...]:
    """As `read`, for a document that has to be right.

    Raises InvalidInputError with every structural fault.
    """
    reading = read(data, syntax=syntax, flag_set=flag_set, source=source, limits=limits)
    if reading.faults:
        raise InvalidInputError(reading.faults)
    return reading.documents


def flag_set_key(flag_set_id: str) -> str:
    """The key of the flag set that a `flagSetId` names.

    flagd allows any text there. One that is no key (`sso/dev`) becomes one, with 16 digits of its SHA-256 to
    keep two ids apart; the id itself stays in the set's metadata, and selectors find it.
    """
    if KEY_PATTERN.fullmatch(flag_set_id):
        return flag_set_id
    digest = hashlib.sha256(flag_set_id.encode()).hexdigest()[:16]
    return re.sub(r"[^A-Za-z0-9._-]", ".", flag_set_id)[:100] + f"-{digest}"


def render(snapshot: Snapshot) -> bytes:
    """A flagd document of a snapshot, that flagd and the in-process providers read; keys are sorted."""
    document: dict[str, Any] = {"flags": {flag.key: _rendered(flag) for flag in snapshot.flags}}
    flag_set = snapshot.flag_set
    if flag_set.evaluators:
        document["$evaluators"] = flag_set.evaluators
    metadata: dict[str, MetadataValue] = dict(flag_set.metadata)
    if flag_set.key != DEFAULT_FLAG_SET:
        metadata.setdefault(FLAG_SET_ID, flag_set.key)
    if metadata:
        document["metadata"] = metadata
    return strict_json.encode(document)


def _rendered(flag: Flag) -> dict[str, Any]:
    rendered: dict[str, Any] = {"state": flag.status.value, "variants": flag.variants}
    if flag.default_variant:
        rendered["defaultVariant"] = flag.default_variant
    if flag.targeting:
        rendered["targeting"] = flag.targeting
    if flag.metadata:
        rendered["metadata"] = flag.metadata
    return rendered


class _Reader:
    """Reads one document and gathers its faults."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_for_providers = False
        self._ids: dict[str, str] = {}
        self.faults = FaultList(limits.faults)
        self._fault = self.faults.add

    def document(self, value: JsonValue, flag_set: str, source: str) -> tuple[FlagSetDocument, ...]:
        if not isinstance(value, dict):
            self._fault("", "not-an-object", "a flagd document is a JSON object")
            return ()
        schema = value.get("$schema")
        self._is_for_providers = isinstance(schema, str) and schema.endswith("/flags.json")
        metadata = self._metadata(value.get("metadata"), "/metadata")
        named = metadata.get(FLAG_SET_ID, flag_set)
        home = self._set_key(named, f"/metadata/{FLAG_SET_ID}")
        evaluators = self._evaluators(value.get("$evaluators"))
        if "flags" not in value:
            self._fault("/flags", "missing", "a flagd document has `flags`")
            return ()
        sets: dict[str, dict[str, Flag]] = {home: {}}
        for key, definition, pointer in self._definitions(value["flags"]):
            flag = self._flag(key, definition, pointer, home)
            if flag is not None:
                members = sets.setdefault(flag.flag_set, {})
                if key in members:
                    self._fault(pointer, "duplicate-key", f"the flag {key!r} stands twice in one flag set")
                members[key] = flag
        if not sets[home] and len(sets) > 1:
            del sets[home]  # every flag of the document names a set of its own
        for key, members in sets.items():
            if len(members) > self._limits.flags_per_set:
                words = f"the flag set {key} has more than {self._limits.flags_per_set} flags"
                self._fault("/flags", "too-many-flags", words)
        return tuple(
            FlagSetDocument(
                flag_set=FlagSet(
                    key=key,
                    source=source,
                    metadata=self._set_metadata(metadata, key, is_home=key == home),
                    evaluators=evaluators,
                ),
                flags=tuple(members[name] for name in sorted(members)),
            )
            for key, members in sorted(sets.items())
        )

    def _set_metadata(
        self, metadata: dict[str, MetadataValue], key: str, *, is_home: bool
    ) -> dict[str, MetadataValue]:
        """Of a document's metadata what is true for one of its sets: each has an id of its own."""
        flag_set_id = self._ids.get(key, key)
        if is_home and flag_set_id == key:
            return metadata
        rest = {name: value for name, value in metadata.items() if name != FLAG_SET_ID}
        return rest if key == DEFAULT_FLAG_SET else rest | {FLAG_SET_ID: flag_set_id}

    def _definitions(self, flags: JsonValue) -> Iterator[tuple[str, JsonValue, str]]:
        if isinstance(flags, dict):
            for key, definition in flags.items():
                yield key, definition, f"/flags/{escaped(key)}"
        elif isinstance(flags, list):
            if self._is_for_providers:
                words = "by its `$schema` the document is for providers, and those take no list of flags"
                self._fault("/flags", "wrong-type", words)
            for place, definition in enumerate(flags):
                name = definition.get("key") if isinstance(definition, dict) else None
                if isinstance(name, str):
                    yield name, definition, f"/flags/{place}"
                else:
                    self._fault(
                        f"/flags/{place}/key", "missing", "a flag in a list has a `key` that is a text"
                    )
        else:
            self._fault("/flags", "wrong-type", "`flags` is an object or a list")

    def _flag(self, key: str, definition: JsonValue, pointer: str, home: str) -> Flag | None:
        before = len(self.faults)
        if not KEY_PATTERN.fullmatch(key):
            self._fault(pointer, "invalid-key", "a flag key is 1 to 128 of A-Z a-z 0-9 . _ -")
            return None  # no more pointers with a key that may be long
        if not isinstance(definition, dict):
            self._fault(pointer, "wrong-type", "a flag is an object")
            return None
        state = definition.get("state")
        if not isinstance(state, str) or state not in _STATES:
            words = "`state` is missing" if state is None else "`state` is ENABLED or DISABLED"
            self._fault(f"{pointer}/state", "invalid-state", words)
        variants = self._variants(definition.get("variants"), f"{pointer}/variants")
        default = definition.get("defaultVariant")
        if default is not None and not isinstance(default, str):
            self._fault(f"{pointer}/defaultVariant", "wrong-type", "`defaultVariant` is a text or null")
        elif default and variants and default not in variants:
            words = f"the default variant {default!r} is not among the variants"
            self._fault(f"{pointer}/defaultVariant", "unknown-variant", words)
        targeting = definition.get("targeting")
        if targeting is not None and not isinstance(targeting, dict):
            self._fault(f"{pointer}/targeting", "wrong-type", "`targeting` is an object")
        metadata = self._metadata(definition.get("metadata"), f"{pointer}/metadata")
        flag_set = home
        if FLAG_SET_ID in metadata:
            flag_set = self._set_key(metadata[FLAG_SET_ID], f"{pointer}/metadata/{FLAG_SET_ID}")
        if len(self.faults) > before:
            return None
        return Flag(
            id="",
            key=key,
            flag_set=flag_set,
            status=_STATES[str(state)],
            variants=variants,
            default_variant=str(default) if default else None,
            targeting=targeting if isinstance(targeting, dict) and targeting else None,
            metadata=metadata,
            version=0,
        )

    def _variants(self, variants: JsonValue, pointer: str) -> JsonObject:
        if not isinstance(variants, dict) or not variants:
            words = "`variants` is an object with at least one variant"
            self._fault(pointer, "missing" if variants is None else "invalid-variants", words)
            return {}
        if len(variants) > self._limits.variants:
            words = f"a flag has at most {self._limits.variants} variants"
            self._fault(pointer, "too-many-variants", words)
        kinds = {_TYPES.get(type(value), "") for value in variants.values()}
        for name, value in variants.items():
            if not name:
                self._fault(f"{pointer}/", "invalid-variants", "a variant has a name")
            if type(value) not in _TYPES:
                words = "a variant is a boolean, a number, a text or an object"
                self._fault(f"{pointer}/{escaped(name)}", "wrong-type", words)
        if len(kinds - {""}) > 1:
            self._fault(
                pointer, "mixed-variants", "all variants are of one type: " + ", ".join(sorted(kinds - {""}))
            )
        return variants

    def _metadata(self, metadata: JsonValue, pointer: str) -> dict[str, MetadataValue]:
        if metadata is None:
            return {}
        if not isinstance(metadata, dict):
            self._fault(pointer, "wrong-type", "`metadata` is an object")
            return {}
        flat: dict[str, MetadataValue] = {}
        for name, value in metadata.items():
            if isinstance(value, str | bool | int | float):
                flat[name] = value
            else:
                words = "a metadata value is a text, a number or a boolean"
                self._fault(f"{pointer}/{escaped(name)}", "wrong-type", words)
        return flat

    def _evaluators(self, evaluators: JsonValue) -> dict[str, JsonObject]:
        if evaluators is None:
            return {}
        if not isinstance(evaluators, dict):
            self._fault("/$evaluators", "wrong-type", "`$evaluators` is an object")
            return {}
        rules: dict[str, JsonObject] = {}
        for name, rule in evaluators.items():
            if isinstance(rule, dict):
                rules[name] = rule
            else:
                self._fault(f"/$evaluators/{escaped(name)}", "wrong-type", "an evaluator is an object")
        return rules

    def _set_key(self, key: JsonValue, pointer: str) -> str:
        if not isinstance(key, str):
            self._fault(pointer, "wrong-type", "`flagSetId` is a text")
        elif key:
            found = flag_set_key(key)
            self._ids[found] = key
            return found
        return DEFAULT_FLAG_SET
