"""What is refused in a flag, a flag set and a rule; every fault at once, with its JSON pointer."""

from collections.abc import Container, Mapping
from typing import Any

import msgspec

from burgee.engine.grammar import rule_faults
from burgee.engine.outcomes import outcomes
from burgee.engine.references import escaped, expand, is_small, measure
from burgee.errors import Fault, InvalidInputError
from burgee.model.flag import KEY_PATTERN, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject, JsonValue
from burgee.model.limits import DEFAULT_LIMITS, Limits

VALUE_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object"}
_KEY_WORDS = "is 1 to 128 of A-Z a-z 0-9 . _ -"


def check_targeting(
    rule: JsonValue,
    *,
    evaluators: Mapping[str, JsonObject],
    variants: Container[str] | None,
    pointer: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Fault, ...]:
    """The faults of a targeting rule; `variants` None leaves variant names unchecked."""
    if not isinstance(rule, dict):
        return (Fault(pointer, "wrong-type", "`targeting` is an object"),)
    if not rule:
        return ()
    size = None if is_small(rule, limits) else measure(rule)
    if size is not None and size.depth > limits.json_depth:
        return (Fault(pointer, "too-deep", f"the rule is nested deeper than {limits.json_depth} levels"),)
    if size is not None and size.nodes > limits.rule_nodes:
        return (Fault(pointer, "too-many-nodes", f"the rule has more than {limits.rule_nodes} nodes"),)
    faults: list[Fault] = []
    rule_faults(rule, pointer, faults.append)
    if size is not None and size.has_reference:
        faults += _reference_faults(rule, evaluators, pointer, limits)
    if variants is not None:
        for outcome in outcomes(rule, pointer):
            if outcome.is_known and outcome.name is not None and outcome.name not in variants:
                words = f"there is no variant {outcome.name[:64]!r}"
                faults.append(Fault(outcome.pointer, "unknown-variant", words))
    return tuple(faults)


def check_flag(flag: Flag, flag_set: FlagSet, *, limits: Limits = DEFAULT_LIMITS) -> tuple[Fault, ...]:
    """The faults of a flag as a part of `flag_set`."""
    faults: list[Fault] = []
    if not KEY_PATTERN.fullmatch(flag.key):
        faults.append(Fault("/key", "invalid-key", f"a flag key {_KEY_WORDS}"))
    faults += _variant_faults(flag, limits)
    if flag.default_variant and flag.default_variant not in flag.variants:
        words = f"the default variant {flag.default_variant[:64]!r} is not among the variants"
        faults.append(Fault("/defaultVariant", "unknown-variant", words))
    faults += _metadata_faults(flag.metadata)
    if any(
        type(value) is dict and measure(value).depth >= limits.json_depth for value in flag.variants.values()
    ):
        return (*faults, Fault("", "too-deep", f"the flag is nested deeper than {limits.json_depth} levels"))
    size = len(
        msgspec.json.encode([flag.variants, flag.targeting, flag.metadata, flag.description, flag.tags])
    )
    if size > limits.flag_bytes:
        faults.append(Fault("", "too-large", f"the flag is larger than {limits.flag_bytes} bytes"))
    if flag.targeting:
        faults += check_targeting(
            flag.targeting,
            evaluators=flag_set.evaluators,
            variants=flag.variants,
            pointer="/targeting",
            limits=limits,
        )
    return tuple(faults)


def check_flag_set(flag_set: FlagSet, *, limits: Limits = DEFAULT_LIMITS) -> tuple[Fault, ...]:
    """The faults of what holds for a whole flag set: its key, metadata and evaluators."""
    faults: list[Fault] = []
    if not KEY_PATTERN.fullmatch(flag_set.key):
        faults.append(Fault("/key", "invalid-key", f"a flag set key {_KEY_WORDS}"))
    faults += _metadata_faults(flag_set.metadata)
    for name, rule in flag_set.evaluators.items():
        pointer = f"/evaluators/{escaped(name)}"
        faults += check_targeting(
            rule, evaluators=flag_set.evaluators, variants=None, pointer=pointer, limits=limits
        )
    return tuple(faults)


def _variant_faults(flag: Flag, limits: Limits) -> list[Fault]:
    variants = flag.variants
    if not variants:
        return [Fault("/variants", "missing", "a flag has at least one variant")]
    faults: list[Fault] = []
    if len(variants) > limits.variants:
        faults.append(
            Fault("/variants", "too-many-variants", f"a flag has at most {limits.variants} variants")
        )
    kinds: set[str] = set()
    for name, value in variants.items():
        kind = VALUE_TYPES.get(type(value))
        if kind is None or not name:
            words = "a variant has a name, and is a boolean, a number, a text or an object"
            faults.append(Fault(f"/variants/{escaped(name)}", "wrong-type", words))
        else:
            kinds.add(kind)
    if len(kinds) > 1:
        faults.append(
            Fault(
                "/variants", "mixed-variants", f"variants are of one type, not {' and '.join(sorted(kinds))}"
            )
        )
    return faults


def _metadata_faults(metadata: Mapping[str, Any]) -> list[Fault]:
    words = "a metadata value is a text, a number or a boolean"
    return [
        Fault(f"/metadata/{escaped(name)}", "wrong-type", words)
        for name, value in metadata.items()
        if not isinstance(value, str | int | float)
    ]


def _reference_faults(
    rule: JsonObject, evaluators: Mapping[str, JsonObject], pointer: str, limits: Limits
) -> list[Fault]:
    try:
        expand(rule, evaluators, limits)
    except InvalidInputError as error:
        return [fault._replace(pointer=pointer + fault.pointer) for fault in error.faults]
    return []
