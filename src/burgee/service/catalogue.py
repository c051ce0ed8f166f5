"""The catalogue: every flag set's program at one moment, and the views that selectors have of it."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping

import msgspec

from burgee.engine.program import CompiledFlag, Program
from burgee.model.flag import DEFAULT_FLAG_SET, MetadataValue
from burgee.model.flag_set import FractionalGeneration
from burgee.service.selector import Selector, parse_selector

__all__ = ["Catalogue", "LiveCatalogue", "Selection", "Selector", "parse_selector"]

_log = logging.getLogger("burgee.catalogue")


class Selection(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one selector sees.

    `fingerprint` changes exactly when a flag set in it does, in every process and after every restart.
    `flags` answers for a key: the set with the highest priority wins, then the set `default`, then the
    later set key. `ordered` is everything by flag set, then key; a key may stand there once for each set.
    `reflection` is the selector as metadata.
    """

    fingerprint: str
    flags: dict[str, CompiledFlag]
    ordered: tuple[CompiledFlag, ...]
    reflection: dict[str, MetadataValue]


class Catalogue:
    """Programs by flag set key, ordered by it. Immutable: a publish makes another one.

    `generation` is the server's default bucketing: part of what a fingerprint vouches for.
    """

    def __init__(
        self,
        programs: Iterable[Program] = (),
        *,
        generation: FractionalGeneration = FractionalGeneration.V2,
    ) -> None:
        self.generation = generation
        in_order = sorted(programs, key=lambda program: program.snapshot.flag_set.key)
        self.programs: Mapping[str, Program] = {each.snapshot.flag_set.key: each for each in in_order}
        self._selections: dict[Selector | None, Selection] = {}

    @property
    def revisions(self) -> dict[str, int]:
        """The revision of each flag set."""
        return {key: program.snapshot.flag_set.revision for key, program in self.programs.items()}

    @property
    def fingerprint(self) -> str:
        """Names the whole content; two processes that serve the same have the same."""
        return _fingerprint(None, self.programs.values(), self.generation)

    def select(self, selector: Selector | None) -> Selection:
        """What `selector` sees; an unknown flag set or source is an empty selection."""
        known = self._selections.get(selector)
        if known is not None:
            return known
        programs = self._matching(selector)
        selection = _selection(selector, programs, self.generation)
        # Only what exists is kept: a client that makes names up must not fill the memory.
        if programs or selector is None:
            self._selections[selector] = selection
        return selection

    def narrowed(self, flag_sets: Iterable[str]) -> "Catalogue":
        """This catalogue with no other flag sets than those named."""
        programs = [self.programs[key] for key in set(flag_sets) & self.programs.keys()]
        return Catalogue(programs, generation=self.generation)

    def with_programs(self, newer: Iterable[Program]) -> "Catalogue":
        """This catalogue with `newer` in it. No set goes back: of two programs the higher revision stays."""
        programs = dict(self.programs)
        for program in newer:
            flag_set = program.snapshot.flag_set
            present = programs.get(flag_set.key)
            if present is None or present.snapshot.flag_set.revision < flag_set.revision:
                programs[flag_set.key] = program
        return Catalogue(programs.values(), generation=self.generation)

    def _matching(self, selector: Selector | None) -> list[Program]:
        if selector is None:
            return list(self.programs.values())
        if selector.kind == "flagSetId":
            program = self.programs.get(selector.value or DEFAULT_FLAG_SET)
            if program is not None:
                return [program]
            # An id that is no key (`sso/dev`) stands only in the metadata of the set that it names.
            return [each for each in self.programs.values() if _flag_set_id(each) == selector.value]
        return [each for each in self.programs.values() if each.snapshot.flag_set.source == selector.value]


class LiveCatalogue:
    """The catalogue that evaluations read: one attribute, replaced whole, never going back."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.current = catalogue if catalogue is not None else Catalogue()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Catalogue], None]] = []

    def swap(self, catalogue: Catalogue) -> bool:
        """Serve `catalogue`; a flag set that it has at a lower revision, or not at all, stays as it is.

        False where that leaves nothing new. Callbacks run in this thread, after the swap.
        """
        return self.advance(catalogue.programs.values())

    def advance(self, programs: Iterable[Program]) -> bool:
        """Serve `programs` beside the other sets; False where none is newer than what is served."""
        with self._lock:
            merged = self.current.with_programs(programs)
            if merged.revisions == self.current.revisions:
                return False
            self.current = merged
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            try:
                callback(merged)
            except Exception:
                # The publish is committed and served; a listener's failure must not look like its own.
                _log.exception("catalogue.callback_failed")
        return True

    def subscribe(self, callback: Callable[[Catalogue], None]) -> Callable[[], None]:
        """Call `callback` after every swap; the function returned ends that, and may be called again."""
        with self._lock:
            self._callbacks.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return unsubscribe


def _flag_set_id(program: Program) -> MetadataValue | None:
    return program.snapshot.flag_set.metadata.get("flagSetId")


def _selection(
    selector: Selector | None, programs: list[Program], generation: FractionalGeneration
) -> Selection:
    ordered = tuple(flag for program in programs for flag in program.flags.values())
    if len(programs) == 1:
        flags = programs[0].flags
    else:
        flags = {}
        for program in sorted(programs, key=_rank):
            flags.update(program.flags)
    return Selection(
        fingerprint=_fingerprint(selector, programs, generation),
        flags=flags,
        ordered=ordered,
        reflection=selector.reflection if selector is not None else {},
    )


def _rank(program: Program) -> tuple[int, bool, str]:
    # A new set must not take over what callers without a selector get, only because of its name.
    flag_set = program.snapshot.flag_set
    return flag_set.priority, flag_set.key == DEFAULT_FLAG_SET, flag_set.key


def _fingerprint(
    selector: Selector | None, programs: Iterable[Program], generation: FractionalGeneration
) -> str:
    sets = (program.snapshot.flag_set for program in programs)
    # The time is in it for a folder restored from a backup, whose revisions count a second time.
    parts = [[each.key, each.revision, each.updated_at] for each in sets]
    view = None if selector is None else [selector.kind, selector.value]
    return hashlib.sha256(msgspec.json.encode([generation, view, parts])).hexdigest()[:32]
