"""Committing: a plan is compiled, stored and served, in this order, under one lock."""

import threading
from collections.abc import Callable, Sequence

import msgspec

from burgee.engine.program import Program
from burgee.errors import UnavailableError
from burgee.model.audit import AuditDraft
from burgee.model.change import ChangeSet, FlagWrite, IdempotencyRecord, written
from burgee.model.flag import Flag, Tombstone
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.ports import FlagStore
from burgee.service.catalogue import LiveCatalogue
from burgee.service.compiler import SetCompiler
from burgee.service.succession import succeed


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The flag set that a plan starts from; `program` None means that nothing was ever published in it."""

    flag_set: FlagSet
    program: Program | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags of the set, ordered by key."""
        return self.program.snapshot.flags if self.program is not None else ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one publish makes of one flag set; `flag_set` is the set afterwards, one revision on."""

    base: Base
    flag_set: FlagSet
    writes: tuple[FlagWrite, ...]
    audit: tuple[AuditDraft, ...]


class Committer:
    """The one place where definitions are written. Hold `lock` from reading the base to the commit."""

    def __init__(
        self, store: FlagStore, live: LiveCatalogue, compiler: SetCompiler, *, catch_up: Callable[[], None]
    ) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._live = live
        self._compiler = compiler
        self._catch_up = catch_up

    def base(self, key: str) -> Base:
        """The flag set `key` as it is stored now; one that was never published is at revision 0.

        Raises UnavailableError where the store and what is served cannot be brought together.
        """
        stored = self._store.flag_set(key)
        program = self._live.current.programs.get(key)
        if _revision(stored) != _revision(_flag_set(program)):
            # Another process has published: a publish builds on that, not on what this one remembers.
            self._catch_up()
            stored = self._store.flag_set(key)
            program = self._live.current.programs.get(key)
        if _revision(stored) > _revision(_flag_set(program)):
            raise UnavailableError(f"flag set {key} cannot be read at revision {_revision(stored)}")
        if _revision(stored) < _revision(_flag_set(program)):
            raise UnavailableError(f"the store has lost revisions of flag set {key} that are served")
        return Base(flag_set=stored if stored is not None else FlagSet(key=key), program=program)

    def entity(self, flag_set: str, key: str) -> Flag | Tombstone | None:
        """What stands at that key: a flag, the tombstone of one, or nothing."""
        return self._store.flag(flag_set, key) or self._store.tombstone(flag_set, key)

    def commit(self, plans: Sequence[Plan], *, idempotency: IdempotencyRecord | None = None) -> None:
        """Write all plans in one transaction, then serve them before returning.

        Raises what `FlagStore.commit` raises; then nothing is written and nothing new is served.
        """
        programs = [self._compiler.compile(_after(plan), previous=plan.base.program) for plan in plans]
        changes = [
            ChangeSet(
                flag_set=plan.flag_set,
                expected_revision=plan.base.flag_set.revision,
                writes=plan.writes,
                audit=plan.audit,
                idempotency=idempotency if index == 0 else None,
            )
            for index, plan in enumerate(plans)
        ]
        self._store.commit(changes)
        self._live.advance(programs)


def _after(plan: Plan) -> Snapshot:
    changed = {written(write).key: write.flag for write in plan.writes}
    return Snapshot(flag_set=plan.flag_set, flags=succeed(plan.base.flags, changed))


def _flag_set(program: Program | None) -> FlagSet | None:
    return None if program is None else program.snapshot.flag_set


def _revision(flag_set: FlagSet | None) -> int:
    return 0 if flag_set is None else flag_set.revision
