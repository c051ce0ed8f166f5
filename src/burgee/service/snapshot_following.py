"""Following snapshots: what a publisher wrote becomes what this process evaluates.

Made for processes that are frozen between two calls: nothing runs in the background, and nothing is believed
to be new because it was new before a sleep of unknown length.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from burgee.engine.program import Program
from burgee.errors import NotFoundError, StoreDamagedError, UnavailableError
from burgee.formats.snapshot import Archive, SetSnapshot, decode
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot
from burgee.service.catalogue import LiveCatalogue
from burgee.service.filter_layers import LayeredFilter

if TYPE_CHECKING:
    from burgee.ports import Clock
    from burgee.ports.snapshots import SnapshotSource, StoredObject

_log = logging.getLogger("burgee.snapshot")

START_SECONDS = 4.0
"""How long the first read may take: there is nothing to answer from until then."""

LOOK_SECONDS = 0.5
"""How long a later look may hold up the one call that makes it."""

LONGEST_PAUSE_SECONDS = 60.0

WHOLE_SECONDS = 300.0
"""How often the object is read whole though its tag is known: who says 304 for ever is believed no longer."""

Compile = Callable[[Snapshot, Program | None], Program]


class SnapshotState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How sure a reader is that nothing newer exists.

    `age_seconds` is the time since what is evaluated was last known to be the newest; None where that never
    was. `stale`: the last look found nothing that can be used, for the reason in `message`.
    """

    age_seconds: float | None
    stale: bool
    message: str
    generation: int


class KnownSubjects:
    """Who may have overrides, by the filters of the snapshot; implements `Subjects`."""

    def __init__(self) -> None:
        self._filters: dict[str, LayeredFilter] = {}
        self.any = False
        self.mark = 0

    def take(self, filters: Mapping[str, LayeredFilter]) -> None:
        """Go by `filters` from now on."""
        self._filters = dict(filters)
        self.any = any(not each.is_empty for each in filters.values())
        self.mark += 1

    def may_have(self, subject: object) -> bool:
        """False only for a subject without overrides."""
        if not self.any or type(subject) is not str:
            return False
        try:
            return any(subject in each for each in self._filters.values())
        except UnicodeEncodeError:  # half a character: no stored text is that
            return False


class KnownKeys:
    """The SDK keys of the snapshot, as a verifier asks for them."""

    def __init__(self) -> None:
        self._keys: dict[str, SdkKey] = {}
        self._changes = 0

    def take(self, keys: tuple[SdkKey, ...]) -> None:
        """Know these keys and no others from now on."""
        found = {each.id: each for each in keys}
        if found != self._keys:
            self._keys = found
            self._changes += 1

    def sdk_key(self, key_id: str) -> SdkKey | None:
        """The key of that id."""
        return self._keys.get(key_id)

    def sdk_key_changes(self) -> int:
        """Another number after every change."""
        return self._changes


class SnapshotFollower:
    """Keeps a live catalogue up with a source, by at most one look in `interval_seconds`.

    `follow` is called before each answer. `keep` is given every object that was found good, to be offered to
    `start` by the next process on this machine. `on_stop` hears whether evaluation is stopped.
    """

    def __init__(
        self,
        source: "SnapshotSource",
        live: LiveCatalogue,
        compile_set: Compile,
        *,
        clock: "Clock",
        interval_seconds: float,
        on_stop: Callable[[bool], None] = lambda _: None,
        keep: Callable[["StoredObject"], None] = lambda _: None,
    ) -> None:
        self.subjects = KnownSubjects()
        self.keys = KnownKeys()
        self.is_loaded = False
        self._source, self._live, self._compile = source, live, compile_set
        self._clock, self._interval = clock, interval_seconds
        self._on_stop, self._keep = on_stop, keep
        self._tag = ""
        self._archive = Archive()
        self._confirmed_at: float | None = None
        self._look_at = 0.0
        self._whole_at = 0.0
        self._failures = 0
        self._problem = ""

    def start(self, kept: "StoredObject | None" = None, *, kept_at: float = 0.0) -> None:
        """The first look; none yet where what was `kept` at `kept_at` is young enough. Never raises."""
        if kept is not None:
            try:
                self._take(kept)
            except StoreDamagedError as error:
                _log.warning("snapshot.kept_damaged", extra={"problem": str(error)})
            else:
                age = self._clock() - kept_at
                if 0 <= age < self._interval:
                    self._confirmed_at = kept_at
                    self._look_at = kept_at + self._interval
        self.follow()

    def follow(self) -> None:
        """Look whether there is something newer, when it is time to; what is served stays otherwise.

        Never raises, and takes no longer than LOOK_SECONDS. After failures the pauses grow.
        """
        now = self._clock()
        if now < self._look_at <= now + LONGEST_PAUSE_SECONDS:
            return
        deadline = LOOK_SECONDS if self.is_loaded else START_SECONDS
        tag = self._tag if self._whole_at - WHOLE_SECONDS <= now < self._whole_at else ""
        try:
            found = self._source.fetch(tag, deadline_seconds=deadline)
            if found is not None:
                self._take(found)
        except NotFoundError as error:
            if self._archive.generation:
                self._fail(f"the snapshot is gone: {error}")
            else:
                self._confirm()  # nothing was ever published here: that is an answer too
        except UnavailableError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("snapshot.look_failed")
            self._fail(type(error).__name__)
        else:
            self._confirm()
            if found is not None:
                self._keep(found)

    def state(self) -> SnapshotState:
        """What is known now."""
        confirmed = self._confirmed_at
        return SnapshotState(
            age_seconds=None if confirmed is None else max(0.0, self._clock() - confirmed),
            stale=bool(self._problem),
            message=self._problem,
            generation=self._archive.generation,
        )

    def _take(self, stored: "StoredObject") -> None:
        """Serve what an object holds. Raises StoreDamagedError, and then nothing of it is served."""
        archive = decode(stored.content)
        if archive.generation < self._archive.generation:
            raise StoreDamagedError(
                f"the snapshot is of generation {archive.generation}, older than {self._archive.generation}"
            )
        programs = [program for each in archive.sets if (program := self._program(each)) is not None]
        try:
            filters = {each.flag_set: LayeredFilter(each.layers, seed=each.seed) for each in archive.sets}
        except ValueError as error:
            raise StoreDamagedError(f"the snapshot has a filter that cannot be used: {error}") from error
        self._live.advance(programs)
        self.subjects.take(filters)
        self.keys.take(archive.keys)
        self._on_stop(archive.stopped)
        self._archive, self._tag, self.is_loaded = archive, stored.tag, True
        self._whole_at = self._clock() + WHOLE_SECONDS

    def _program(self, found: SetSnapshot) -> Program | None:
        """The program of a set that is newer than what is served."""
        present = self._live.current.programs.get(found.flag_set)
        if present is not None:
            served = present.snapshot.flag_set.revision
            if found.revision < served:
                words = f"flag set {found.flag_set} at revision {found.revision}, but {served} is served"
                raise StoreDamagedError(f"the snapshot has {words}")
            if found.revision == served:
                return None
        return self._compile(found.snapshot(), present)

    def _confirm(self) -> None:
        now = self._clock()
        self.is_loaded = True
        self._confirmed_at, self._look_at = now, now + self._interval
        self._failures, self._problem = 0, ""

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("snapshot.look_failed", extra={"problem": problem})
        self._problem = problem
        pause = min(LONGEST_PAUSE_SECONDS, max(1.0, self._interval) * 2 ** min(self._failures, 6))
        self._failures += 1
        self._look_at = self._clock() + pause
