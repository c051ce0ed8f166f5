"""Burgee: the bound function of a flag, and the look-up by key."""

import time
from collections.abc import Callable
from typing import Any

from shapes import Shape, flagd_rule

from burgee.engine.program import Program, compile_program
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot


def program(shape: Shape) -> Program:
    """A program of 100 flags of this shape; `flag` is one of them."""
    rule = flagd_rule(shape)
    default = "on" if rule is None else "off"
    flags = tuple(
        Flag(id=key, key=key, variants={"on": True, "off": False}, default_variant=default, targeting=rule)
        for key in ["flag", *(f"other-{number}" for number in range(99))]
    )
    return compile_program(Snapshot(flag_set=FlagSet(), flags=flags), clock=time.time)


def bound(shape: Shape) -> Callable[[dict[str, Any]], Any]:
    return program(shape).flags["flag"].evaluate


def by_key(shape: Shape) -> Callable[[str, dict[str, Any]], Any]:
    return program(shape).evaluate
