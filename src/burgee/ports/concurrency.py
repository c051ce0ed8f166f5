"""The functions that the breaker stops from the outside."""

from collections.abc import Mapping
from typing import Protocol


class FunctionConcurrency(Protocol):
    """How many invocations of a function run at once at most."""

    def limit(self, wanted: Mapping[str, int | None]) -> Mapping[str, str]:
        """Limit each function named to that many at once, None to as many as there are.

        The functions that could not be limited so, each with the reason; never raises.
        """
        ...
