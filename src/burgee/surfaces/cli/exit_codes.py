"""Exit codes that scripts can trust: one per reaction of the caller."""

from enum import IntEnum

from burgee.errors import (
    BurgeeError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    StoreRefusedError,
    UnauthenticatedError,
    UnavailableError,
)


class ExitCode(IntEnum):
    """How a command ended; docs/reference/cli.md lists them for scripts."""

    OK = 0
    REFUSED = 1
    """What was sent or checked has faults, or a check that was asked for did not hold."""
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    NOT_ALLOWED = 5
    UNAVAILABLE = 6
    BUG = 70
    """A fault of Burgee itself (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C, as shells report it: 128 + SIGINT."""
    PIPE_CLOSED = 141
    """The reader of the output went away, as shells report it: 128 + SIGPIPE."""


_BY_ERROR: tuple[tuple[type[BurgeeError], ExitCode], ...] = (
    (InvalidInputError, ExitCode.REFUSED),
    (NotFoundError, ExitCode.NOT_FOUND),
    (ConflictError, ExitCode.CONFLICT),
    (UnauthenticatedError, ExitCode.NOT_ALLOWED),
    (ForbiddenError, ExitCode.NOT_ALLOWED),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (StoreRefusedError, ExitCode.UNAVAILABLE),
    (ConfigurationError, ExitCode.USAGE),
)


def exit_code(error: BurgeeError) -> ExitCode:
    """The code of an error, by its class."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.REFUSED)
