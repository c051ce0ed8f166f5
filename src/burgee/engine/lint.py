"""Lint: what is allowed in a flag set and most likely a mistake."""

import msgspec

from burgee.model.flag_set import FractionalGeneration
from burgee.model.snapshot import Snapshot


class LintWarning(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A warning about one flag; `pointer` leads into the flag's definition."""

    flag_key: str
    pointer: str
    code: str
    message: str


def lint(snapshot: Snapshot, *, fractional: FractionalGeneration) -> tuple[LintWarning, ...]:
    """All warnings of a flag set, in the order of flags."""
    return ()
