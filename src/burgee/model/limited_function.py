"""Functions whose concurrency follows the breaker."""

import re

import msgspec

from burgee.model.budget import BudgetScope

LARGEST_CONCURRENCY = 100_000

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,64})(?:=(?P<scope>all))?", re.ASCII)


class LimitedFunction(msgspec.Struct, frozen=True):
    """A function by its name, and which stop reaches it: each (MANAGEMENT), or one of everything (ALL)."""

    name: str
    stop: BudgetScope = BudgetScope.MANAGEMENT

    def is_stopped_by(self, scope: BudgetScope) -> bool:
        """Whether a stop of `scope` reaches it."""
        return self.stop is BudgetScope.MANAGEMENT or scope is BudgetScope.ALL


def read_limited_functions(text: str) -> tuple[LimitedFunction, ...]:
    """The functions in a list such as `manage,evaluate=all`.

    Raises ValueError for an entry that is not the plain name of a function, and for one that is there twice.
    """
    found: dict[str, LimitedFunction] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"{entry!r} is not the name of a function, or name=all")
        if match["name"] in found:
            raise ValueError(f"{match['name']} stands there twice")
        stop = BudgetScope.ALL if match["scope"] else BudgetScope.MANAGEMENT
        found[match["name"]] = LimitedFunction(match["name"], stop)
    return tuple(found.values())
