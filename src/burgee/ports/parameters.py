"""What an operator may change while the server runs, and when flags were last read."""

from collections.abc import Mapping
from typing import Protocol


class ParameterSource(Protocol):
    """Small texts that an operator may change while the server runs."""

    def parameter(self, name: str) -> str | None:
        """The text of the parameter, None where it is not set.

        Raises UnavailableError where that cannot be said: nobody may then take it for set or not set.
        """
        ...


class AccessTimes(Protocol):
    """When each flag was last read, by its id: beside the flags, so that a read never writes a flag."""

    def note(self, times: Mapping[str, float]) -> None:
        """Keep these Unix times; an earlier time never replaces a later one. Raises UnavailableError."""
        ...

    def last(self, flag_id: str) -> float | None:
        """The latest time noted, None where there is none. Raises UnavailableError."""
        ...
