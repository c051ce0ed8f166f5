"""The faults of one document, as many as anybody reads."""

from burgee.errors import Fault


class TooManyFaultsError(Exception):
    """The list is full: whoever looks for faults stops looking."""


class FaultList(list[Fault]):
    """At most `limit` faults, and behind them one `too-many-faults` where there were more."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def add(self, pointer: str, code: str, message: str) -> None:
        """Raises TooManyFaultsError where there is no room for it."""
        if len(self) >= self._limit:
            words = f"there are more than {self._limit} faults; the rest is not looked for"
            self.append(Fault("", "too-many-faults", words))
            raise TooManyFaultsError
        self.append(Fault(pointer, code, message))
