"""What every publish has in common: one at a time, made again when overtaken, remembered, committed."""

from collections.abc import Callable
from typing import TypeVar

from burgee.errors import VersionConflictError
from burgee.model.audit import AuditDraft
from burgee.model.change import FlagWrite
from burgee.model.flag_set import FlagSet
from burgee.model.limits import Limits
from burgee.ports import Clock, FlagStore
from burgee.service.commit import Base, Committer, Plan
from burgee.service.inspection import Inspector
from burgee.service.intent import Author, Precondition, Published, Remember
from burgee.service.next_version import next_flag_set

_ATTEMPTS = 16

Outcome = TypeVar("Outcome")


class Publishing:
    """The ground of the publishers."""

    def __init__(
        self,
        store: FlagStore,
        committer: Committer,
        inspector: Inspector,
        *,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._store = store
        self._committer = committer
        self._inspector = inspector
        self._limits = limits
        self._clock = clock

    def _attempt(self, attempt: Callable[[], Outcome], precondition: Precondition) -> Outcome:
        with self._committer.lock:
            for _ in range(_ATTEMPTS if precondition.version is None else 1):
                try:
                    return attempt()
                except VersionConflictError as error:
                    conflict = error
            raise conflict

    def _next_set(self, base: Base, author: Author) -> FlagSet:
        return next_flag_set(base.flag_set, at=self._clock(), author=author)

    def _commit(
        self,
        base: Base,
        published: Published,
        *,
        writes: tuple[FlagWrite, ...],
        audit: tuple[AuditDraft, ...],
        remember: Remember | None,
    ) -> Published:
        record = remember(published) if remember is not None else None
        plan = Plan(base=base, flag_set=published.flag_set, writes=writes, audit=audit)
        self._committer.commit([plan], idempotency=record)
        return published
