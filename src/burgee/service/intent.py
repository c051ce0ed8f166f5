"""Intent: who wants a change, on which condition, and what came of it."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from burgee.engine.lint import LintWarning
from burgee.errors import AlreadyExistsError, VersionConflictError
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes, for the audit log; one that `is_bound` may write some flag sets and not all.

    `client` is the network address that the request came from, where there was one.
    """

    subject: str
    request_id: str = ""
    reason: str = ""
    is_bound: bool = False
    client: str | msgspec.UnsetType = msgspec.UNSET


class Precondition(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold for a change: the version (of a set: the revision) read, or that nothing is there."""

    version: int | None = None
    must_not_exist: bool = False

    def require(self, name: str, current: int) -> None:
        """Raises AlreadyExistsError or VersionConflictError unless `current` (0: nothing there) is right."""
        if self.must_not_exist and current:
            raise AlreadyExistsError(f"{name} exists already, at version {current}")
        if self.version is not None and self.version != current:
            raise VersionConflictError(f"{name} is at version {current}, not {self.version}", current=current)


NO_CONDITION = Precondition()


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What a publish made: `flag` None after a deletion or a change of the set alone.

    `changed` False means that everything was as asked for already: nothing was published.
    """

    flag_set: FlagSet
    flag: Flag | None = None
    before: Flag | None = None
    created: bool = False
    changed: bool = True
    warnings: tuple[LintWarning, ...] = ()


Remember: TypeAlias = Callable[[Published], IdempotencyRecord]
"""Makes the record of an answer, which is stored in the transaction of the change itself."""
