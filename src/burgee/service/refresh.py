"""Refreshing: what other processes published becomes what this one serves."""

import logging
import threading
from collections.abc import Iterator

import msgspec

from burgee.engine.program import Program
from burgee.errors import UnavailableError
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.ports import Clock, FlagStore, SnapshotFile
from burgee.service.catalogue import LiveCatalogue
from burgee.service.compiler import SetCompiler
from burgee.service.succession import succeed

_log = logging.getLogger("burgee.refresh")

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_CONSISTENT_READS = 8


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What this process serves, and how sure it is that nothing newer exists.

    `snapshot_age_seconds` is the time since the store last confirmed it, None where it never did. `hash`
    is equal in all processes that serve the same. `stale`: the last look at the store failed.
    """

    revisions: dict[str, int]
    snapshot_age_seconds: float | None
    hash: str
    read_only: bool
    stale: bool
    message: str


class Refresher:
    """Keeps the live catalogue up with the store. A failed read changes nothing that is served."""

    def __init__(
        self,
        store: FlagStore,
        live: LiveCatalogue,
        compiler: SetCompiler,
        *,
        clock: Clock,
        snapshot_file: SnapshotFile | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._compiler = compiler
        self._clock = clock
        self._snapshot_file = snapshot_file
        self._flight = threading.Lock()
        self._token: int | None = None
        self._confirmed_at: float | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._problem = ""
        self._from_file = False

    def load(self) -> None:
        """Fill the live catalogue at start: from the store, else from the last good snapshot, else empty."""
        with self._flight:
            self._refresh()
            if not self._problem or self._snapshot_file is None:
                return
            saved = self._snapshot_file.load()
            if saved is not None:
                self._from_file = True
                self._live.advance(self._compiler.compile(each) for each in saved.sets)

    def poll(self) -> bool:
        """True where something new is served now. Cheap while nothing changes; never raises.

        Only one thread looks at a time, and after failures no one does before a growing pause is over.
        """
        if self._clock() < self._retry_at or not self._flight.acquire(blocking=False):
            return False
        try:
            return self._refresh()
        finally:
            self._flight.release()

    def look(self) -> None:
        """Look now, waiting for a look that is under way: that one may have begun before what is asked for.

        Not while a pause after failures lasts. Never raises.
        """
        if self._clock() >= self._retry_at:
            self.catch_up()

    def catch_up(self) -> None:
        """Look now, waiting for a look that is under way; for a publisher that is behind. Never raises."""
        with self._flight:
            self._refresh()

    def status(self) -> Status:
        """What is served now."""
        catalogue = self._live.current
        refused = self._store.read_only_reason
        age = None if self._confirmed_at is None else max(0.0, self._clock() - self._confirmed_at)
        return Status(
            revisions=catalogue.revisions,
            snapshot_age_seconds=age,
            hash=catalogue.fingerprint,
            read_only=refused is not None or self._from_file,
            stale=bool(self._problem),
            message="; ".join(text for text in (refused, self._problem) if text),
        )

    def _refresh(self) -> bool:
        try:
            token = self._store.change_token()
            if token == self._token:
                self._confirm()
                return False
            programs = tuple(self._newer_programs())
            regressed = self._regressed()
        except UnavailableError as error:
            self._fail(str(error))
            return False
        except Exception as error:
            # A bug on this path must not end evaluation either: what is served stays.
            _log.exception("refresh.failed")
            self._fail(f"{type(error).__name__} while reading the store")
            return False
        if regressed:
            self._fail(regressed)
        else:
            self._token = token
            self._confirm()
        return self._live.advance(programs)

    def _newer_programs(self) -> Iterator[Program]:
        for stored in self._store.flag_sets():
            present = self._live.current.programs.get(stored.key)
            if present is None:
                snapshot = self._store.snapshot(stored.key)
                if snapshot is not None:
                    yield self._compiler.compile(snapshot)
            elif stored.revision > present.snapshot.flag_set.revision:
                yield self._compiler.compile(self._next(present), previous=present)

    def _next(self, present: Program) -> Snapshot:
        """The present state of a set from what changed since `present`, all of one revision."""
        key, revision = present.snapshot.flag_set.key, present.snapshot.flag_set.revision
        for _ in range(_CONSISTENT_READS):
            flag_set = self._flag_set(key)
            steps = self._store.changes_since(key, revision)
            # A publish between the two reads shows as a step beyond the set: then both are read again.
            if all(step.revision <= flag_set.revision for step in steps):
                changed = {step.key: step.flag for step in steps}
                return Snapshot(flag_set=flag_set, flags=succeed(present.snapshot.flags, changed))
        whole = self._store.snapshot(key)
        return whole if whole is not None else present.snapshot

    def _flag_set(self, key: str) -> FlagSet:
        found = self._store.flag_set(key)
        if found is None:
            raise UnavailableError(f"flag set {key} is gone from the store")
        return found

    def _regressed(self) -> str:
        # What is served is read first: a publish of our own between the two reads moves both on.
        revisions = self._live.current.revisions
        stored = {each.key: each.revision for each in self._store.flag_sets()}
        for key, served in revisions.items():
            if stored.get(key, 0) < served:
                return (
                    f"flag set {key} is at revision {stored.get(key, 0)} in the store, but {served} is served"
                )
        return ""

    def _confirm(self) -> None:
        self._confirmed_at, self._failures, self._retry_at = self._clock(), 0, 0.0
        self._problem, self._from_file = "", False

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("refresh.failed", extra={"problem": problem})
        self._problem = problem
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at = self._clock() + pause
