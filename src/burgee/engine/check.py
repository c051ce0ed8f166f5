"""What is refused in a flag and its rule, every fault with its JSON pointer."""

from collections.abc import Container, Mapping

from burgee.engine.references import count_nodes, expand
from burgee.errors import Fault, InvalidInputError
from burgee.model.flag import KEY_PATTERN, Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject, JsonValue
from burgee.model.limits import DEFAULT_LIMITS, Limits


def check_targeting(
    rule: JsonValue,
    *,
    evaluators: Mapping[str, JsonObject],
    variants: Container[str] | None,
    pointer: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Fault, ...]:
    """The faults of a targeting rule."""
    if not isinstance(rule, dict):
        return (Fault(pointer, "wrong-type", "`targeting` is an object"),)
    if count_nodes(rule) > limits.rule_nodes:
        return (Fault(pointer, "too-many-nodes", f"the rule has more than {limits.rule_nodes} nodes"),)
    try:
        expand(rule, evaluators, limits)
    except InvalidInputError as error:
        return tuple(fault._replace(pointer=pointer + fault.pointer) for fault in error.faults)
    return ()


def check_flag(flag: Flag, flag_set: FlagSet, *, limits: Limits = DEFAULT_LIMITS) -> tuple[Fault, ...]:
    """The faults of a flag as a part of `flag_set`."""
    faults: list[Fault] = []
    if not KEY_PATTERN.fullmatch(flag.key):
        faults.append(Fault("/key", "invalid-key", "a flag key is 1 to 128 of A-Z a-z 0-9 . _ -"))
    if flag.default_variant and flag.default_variant not in flag.variants:
        faults.append(Fault("/defaultVariant", "unknown-variant", "the default variant is not among the variants"))
    if flag.targeting:
        faults += check_targeting(
            flag.targeting, evaluators=flag_set.evaluators, variants=flag.variants, pointer="/targeting", limits=limits
        )
    return tuple(faults)


def check_flag_set(flag_set: FlagSet, *, limits: Limits = DEFAULT_LIMITS) -> tuple[Fault, ...]:
    """The faults of what holds for a whole flag set."""
    return ()
