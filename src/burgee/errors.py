"""The error family: one class per reaction of the caller, drawn here as a tree.

BurgeeError
├── InvalidInputError          what was sent cannot be accepted; carries every fault with its JSON pointer
│   ├── MalformedError         the bytes are not strict JSON or YAML (nothing could be read)
│   └── LimitExceededError     well-formed, but over a limit of `burgee.model.limits`
├── NotFoundError              the thing named does not exist
├── ConflictError              well-formed and allowed, but not against the present state
│   ├── VersionConflictError   the version or revision read is no longer the current one
│   ├── AlreadyExistsError     a create met an existing thing
│   ├── KeyReservedError       a deleted key that is still inside its tombstone period
│   └── IdempotencyReuseError  the same Idempotency-Key with another request
├── UnauthenticatedError       no identity, or one that cannot be verified
│   ├── NoCredentialsError     nothing was sent that says who is calling
│   └── UnidentifiedError      a token that is good in every way, but does not say whose it is
├── ForbiddenError             a known identity without the right
│   └── OriginRefusedError     a browser's page of another site that may not act for who is signed in
├── UnavailableError           try again later; evaluation is never affected by it
│   ├── ReadOnlyError          the store refuses writes (degraded start, damaged file)
│   ├── StoreFullError         the disk is full
│   ├── StoreDamagedError      what was read fails its hash: the last good snapshot goes on answering
│   ├── KeysUnavailableError   the keys that verify another issuer's tokens are not known at the moment
│   └── PartlyDoneError        the budget has changed, but some functions kept their concurrency
├── TooManyRequestsError       over a rate limit or the request budget, or stopped by an administrator
├── StoreRefusedError          a data folder that must not be opened: in use, newer schema
└── ConfigurationError         settings that cannot work; every problem in one message
"""

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing wrong with an input.

    `pointer` is an RFC 6901 JSON pointer into the input ("" is the whole document), `code` a stable
    lower-case word with hyphens, `message` one sentence for people.
    """

    pointer: str
    code: str
    message: str


class BurgeeError(Exception):
    """The root of every error that Burgee raises on purpose."""


class InvalidInputError(BurgeeError):
    """An input that cannot be accepted; `faults` names every place."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        first = self.faults[0] if self.faults else Fault("", "invalid", "invalid input")
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        super().__init__(f"{first.pointer or '/'}: {first.message}{more}")


class MalformedError(InvalidInputError):
    """Bytes that are not a strict document; `at` is the byte offset where known."""

    def __init__(self, code: str, message: str, *, pointer: str = "", at: int | None = None) -> None:
        self.at = at
        where = f" (at byte {at})" if at is not None else ""
        super().__init__([Fault(pointer, code, f"{message}{where}")])


class LimitExceededError(InvalidInputError):
    """A document over one of the limits of `burgee.model.limits`."""

    def __init__(self, pointer: str, code: str, message: str) -> None:
        super().__init__([Fault(pointer, code, message)])


class NotFoundError(BurgeeError):
    """The thing named does not exist."""


class ConflictError(BurgeeError):
    """Well-formed and allowed, but not against the present state."""


class VersionConflictError(ConflictError):
    """The version or revision that the writer read is no longer current; `current` is, 0 if none exists."""

    def __init__(self, message: str, *, current: int) -> None:
        self.current = current
        super().__init__(message)


class AlreadyExistsError(ConflictError):
    """A create met an existing thing."""


class KeyReservedError(ConflictError):
    """A deleted flag key that is still reserved; `until` is a Unix time in seconds."""

    def __init__(self, message: str, *, until: float) -> None:
        self.until = until
        super().__init__(message)


class IdempotencyReuseError(ConflictError):
    """An Idempotency-Key that was already used for another request."""


class UnauthenticatedError(BurgeeError):
    """No identity, or one that cannot be verified."""


class NoCredentialsError(UnauthenticatedError):
    """Nothing was sent that says who is calling."""


class UnidentifiedError(UnauthenticatedError):
    """A token that is signed and in time, but does not say whose it is."""


class ForbiddenError(BurgeeError):
    """A known identity without the right."""


class OriginRefusedError(ForbiddenError):
    """A request that a page of another site made a browser send, or that does not prove the contrary."""


class UnavailableError(BurgeeError):
    """A passing failure; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ReadOnlyError(UnavailableError):
    """The store refuses writes until an operator acts; reads and evaluation go on."""


class StoreFullError(UnavailableError):
    """No room is left for a write; reads and evaluation go on."""


class StoreDamagedError(UnavailableError):
    """Something stored fails its hash or is missing; never answered by a guess."""


class TooManyRequestsError(BurgeeError):
    """Over a rate or a budget, or stopped; `retry_after` is in seconds, `limit` what was exceeded."""

    def __init__(self, message: str, *, retry_after: float, limit: int) -> None:
        self.retry_after = retry_after
        self.limit = limit
        super().__init__(message)


class KeysUnavailableError(UnavailableError):
    """The keys that verify another issuer's tokens are not known now; those that are known go on working."""


class PartlyDoneError(UnavailableError):
    """The budget was written; the concurrency of `functions` was not set, and doing it again may help."""

    def __init__(self, functions: Sequence[str]) -> None:
        self.functions = tuple(functions)
        super().__init__(f"Failed to update concurrency for {len(self.functions)} function(s)")


class StoreRefusedError(BurgeeError):
    """A data folder that must not be opened: used by another server, or written by a newer Burgee."""


class ConfigurationError(BurgeeError):
    """Settings that cannot work; the message lists every problem, one a line."""
