"""Inspection: what is refused in a definition, and what is only warned of."""

from collections.abc import Sequence

import msgspec

from burgee.engine.check import check_flag, check_flag_set
from burgee.engine.lint import LintWarning, lint_flag
from burgee.errors import Fault
from burgee.model.flag import KEY_PATTERN, Flag
from burgee.model.flag_set import FlagSet
from burgee.service.compiler import SetCompiler


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Faults refuse, warnings do not."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[LintWarning, ...] = ()


class Inspector:
    """Checks and lints with the limits and the bucketing generation of this server."""

    def __init__(self, compiler: SetCompiler) -> None:
        self._compiler = compiler

    def flag(self, flag: Flag, flag_set: FlagSet, *, lenient: bool = False) -> Findings:
        """What is wrong with `flag` as a part of `flag_set`.

        `lenient` turns faults of targeting into warnings, as flagd does; such a flag answers with an error
        or its default. Faults of structure and limits stay.
        """
        found = check_flag(flag, flag_set, limits=self._compiler.limits)
        tolerated = tuple(fault for fault in found if lenient and _of_targeting(fault))
        faults = tuple(fault for fault in found if fault not in tolerated)
        if faults:
            return Findings(faults=faults)
        return Findings(warnings=self._warnings(flag, flag_set, tolerated))

    def flag_set(self, flag_set: FlagSet) -> tuple[Fault, ...]:
        """What is wrong with `flag_set` itself."""
        found = check_flag_set(flag_set, limits=self._compiler.limits)
        if KEY_PATTERN.fullmatch(flag_set.key) or any(fault.pointer == "/key" for fault in found):
            return found
        return (Fault("/key", "invalid-key", "a flag set key is 1 to 128 of A-Z a-z 0-9 . _ -"), *found)

    def new_faults(
        self, flags: Sequence[Flag], *, before: FlagSet, after: FlagSet
    ) -> tuple[tuple[Flag, Fault], ...]:
        """What goes wrong with `flags` because their set changes from `before` to `after`."""
        limits = self._compiler.limits
        broken: list[tuple[Flag, Fault]] = []
        for flag in flags:
            faults = check_flag(flag, after, limits=limits)
            if faults:
                known = set(check_flag(flag, before, limits=limits))
                broken += [(flag, fault) for fault in faults if fault not in known]
        return tuple(broken)

    def _warnings(self, flag: Flag, flag_set: FlagSet, tolerated: Sequence[Fault]) -> tuple[LintWarning, ...]:
        # Only this flag: linting the other 9,999 of the set again would make a publish slow for nothing.
        linted = lint_flag(flag, flag_set, fractional=self._compiler.generation(flag_set))
        return (
            *(
                LintWarning(flag_key=flag.key, pointer=each.pointer, code=each.code, message=each.message)
                for each in tolerated
            ),
            *linted,
        )


def _of_targeting(fault: Fault) -> bool:
    # Limits hold for everybody: leniency is for rules that flagd would let in, not for those that hurt.
    return fault.pointer.startswith("/targeting") and not _is_limit(fault.code)


def _is_limit(code: str) -> bool:
    return code.startswith("too-") or "limit" in code
