"""What compiled rules can reach: these functions by these names, and nothing else."""

from typing import Any

from mmh3 import mmh3_32_uintdigest

from burgee.engine import fractional, loops, operators, semver
from burgee.engine.values import strict_equal, truthy

FUNCTIONS: dict[str, Any] = operators.PURE | {
    "sem_ver": semver.compare,
    "starts_with": loops.starts_with,
    "ends_with": loops.ends_with,
    "missing": operators.missing,
    "missing_some": operators.missing_some,
}
NAMES = {operator: f"operator_{place}" for place, operator in enumerate(FUNCTIONS)}
"""What the function of an operator is called in compiled code."""
RUNTIME: dict[str, Any] = {NAMES[operator]: function for operator, function in FUNCTIONS.items()} | {
    "__builtins__": {},
    "type": type,
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "dict": dict,
    "len": len,
    "charged": loops.charged,
    "looked_up": loops.looked_up,
    "bucketed": loops.bucketed,
    "visiting": loops.visiting,
    "chosen": loops.chosen,
    "truthy": truthy,
    "strict_equal": strict_equal,
    "lookup": operators.lookup,
    "version_of": semver.version_of,
    "murmur3": mmh3_32_uintdigest,
    "cbor_text": fractional.cbor_text,
    "fractional_v2": fractional.fractional_v2,
    "fractional_v3": fractional.fractional_v3,
    "unknown_operator": loops.unknown_operator,
    "scan": loops.scan,
    **{f"loop_{name}": function for name, function in loops.LOOPS.items()},
}
"""The globals of every compiled rule; there are no builtins to reach."""
