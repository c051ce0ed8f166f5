"""Which subjects have overrides: kept up with the store in every process, so that most cost it no read."""

import logging
import threading
from collections.abc import Callable

from burgee.errors import UnavailableError
from burgee.ports import Clock, OverrideStore
from burgee.service.subject_filter import SubjectFilter

_log = logging.getLogger("burgee.overrides")

FEW = 10_000
"""A filter of so many overrides is made at once; a larger one by the thread that polls."""

_PAGE = 10_000
_LEAST_ROOM = 1_000
_RETRY_SECONDS = 1.0
_BUILD_RETRY_SECONDS = 60.0
"""After a failure; to make a filter is to read every override."""


class OverriddenSubjects:
    """A filter of the subjects that have overrides, in any flag set.

    `any` is False only where there is no override at all: then nobody needs to be looked up. `mark` is the
    audit sequence of the last change that is known here. Until a filter is made, every subject may have
    overrides: answers are right, and cost a read.
    """

    __slots__ = (
        "_build_at",
        "_building",
        "_callbacks",
        "_clock",
        "_filter",
        "_lock",
        "_problem",
        "_retry_at",
        "_seed",
        "_store",
        "_token",
        "any",
        "mark",
    )

    def __init__(self, store: OverrideStore, *, clock: Clock, seed: int = 0) -> None:
        self.any = True
        self.mark = 0
        self._store = store
        self._clock = clock
        self._seed = seed
        self._filter: SubjectFilter | None = None
        self._token: int | None = None
        self._retry_at = self._build_at = 0.0
        self._problem = ""
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def may_have(self, subject: object) -> bool:
        """Whether `subject`, a targeting key or what stands in its place, may have an override."""
        if not self.any or type(subject) is not str:
            return False
        known = self._filter
        try:
            return known is None or subject in known
        except UnicodeEncodeError:  # half a character: no stored text is that
            return False

    def catch_up(self) -> bool:
        """Learn what was written since the last look; True where that was something. Never raises.

        Quick: a filter that must be made anew is left to `poll`.
        """
        try:
            with self._lock:
                changed = self._follow()
        except UnavailableError as error:
            self._fail(str(error))
            return False
        if changed:
            self._tell()
        return changed

    def poll(self) -> bool:
        """As `catch_up`, and make a filter where there is none or it is full; one thread at a time."""
        now = self._clock()
        if now < self._retry_at or not self._building.acquire(blocking=False):
            return False
        try:
            changed = self.catch_up()
            if now >= self._build_at and (self._filter is None or self._filter.is_full):
                self._build_at = now + _BUILD_RETRY_SECONDS
                self._build()
                self._build_at = 0.0
        except UnavailableError as error:
            self._fail(str(error))
            return False
        except Exception as error:
            _log.exception("overrides.refresh_failed")
            self._fail(type(error).__name__)
            return False
        finally:
            self._building.release()
        return changed

    def load(self) -> None:
        """The first look: makes the filter where that takes no time."""
        self.catch_up()
        try:
            if self._filter is None and self._store.override_mark().count <= FEW:
                self.poll()
        except UnavailableError as error:
            self._fail(str(error))

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change of overrides; the function returned ends that."""
        with self._lock:
            self._callbacks.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return unsubscribe

    def _follow(self) -> bool:
        """Bring the present filter up to the store's mark; holds the lock."""
        token = self._store.change_token()
        if token == self._token:
            return False
        mark = self._store.override_mark()
        changed = mark.sequence != self.mark
        if mark.count == 0:
            self._filter = SubjectFilter(_LEAST_ROOM, seed=self._seed)
        elif self._filter is not None and changed:
            self._add_since(self._filter, self.mark)
        self.any = mark.count > 0
        self.mark = mark.sequence
        self._token = token
        self._problem = ""
        return changed

    def _build(self) -> None:
        mark = self._store.override_mark()
        room = max(_LEAST_ROOM, mark.count + mark.count // 4)
        fresh = SubjectFilter(room, seed=self._seed)
        for subject in self._store.overridden_subjects():
            fresh.add(subject)
        with self._lock:
            # What was written while it was made went to the former one.
            self._add_since(fresh, mark.sequence)
            self._filter = fresh

    def _add_since(self, known: SubjectFilter, sequence: int) -> None:
        while True:
            page = self._store.subjects_changed_since(sequence, limit=_PAGE)
            for _, subject in page:
                known.add(subject)
            if len(page) < _PAGE:
                return
            sequence = page[-1][0]

    def _tell(self) -> None:
        with self._lock:
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            try:
                callback()
            except Exception:
                _log.exception("overrides.callback_failed")

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("overrides.refresh_failed", extra={"problem": problem})
        self._problem = problem
        self._retry_at = self._clock() + _RETRY_SECONDS
