"""A filter of subjects that grows in layers, so that nobody has to read every override to make it larger.

To add is all that ever happens to it: added in any order, by however many writers that each start from what
the one before has written, it ends the same.
"""

from collections.abc import Iterable

from burgee.formats.snapshot import FilterLayer
from burgee.service.subject_filter import SubjectFilter

LEAST_ROOM = 10_000
GROWTH = 4
"""Each full layer finds one in a hundred subjects that were never added: there must not be many."""


class LayeredFilter:
    """The layers of one flag set, ready to be asked. Raises ValueError for layers that cannot be right."""

    __slots__ = ("_layers",)

    def __init__(self, layers: Iterable[FilterLayer], *, seed: int) -> None:
        self._layers = tuple(
            SubjectFilter.restored(layer.bits, layer.room, added=layer.added, seed=seed) for layer in layers
        )

    @property
    def is_empty(self) -> bool:
        """Whether nobody was ever added."""
        return not any(layer.added for layer in self._layers)

    def __contains__(self, subject: str) -> bool:
        """Whether `subject` may have been added; False is certain."""
        return any(subject in layer for layer in self._layers)


def with_subjects(
    layers: tuple[FilterLayer, ...], subjects: Iterable[str], *, seed: int, room: int = LEAST_ROOM
) -> tuple[FilterLayer, ...]:
    """`layers` with `subjects` in them; the same object where they all seemed to be in there.

    A full layer is followed by one of four times its room, a first one has `room`.
    """
    known = LayeredFilter(layers, seed=seed)
    fresh = [subject for subject in dict.fromkeys(subjects) if _is_text(subject) and subject not in known]
    if not fresh:
        return layers
    done, last = list(layers[:-1]), layers[-1] if layers else None
    growing = (
        SubjectFilter.restored(last.bits, last.room, added=last.added, seed=seed)
        if last is not None
        else SubjectFilter(max(room, LEAST_ROOM, len(fresh)), seed=seed)
    )
    for subject in fresh:
        if growing.added >= growing.room:
            done.append(_layer(growing))
            growing = SubjectFilter(max(GROWTH * growing.room, len(fresh)), seed=seed)
        growing.add(subject)
    return (*done, _layer(growing))


def _layer(filled: SubjectFilter) -> FilterLayer:
    return FilterLayer(room=filled.room, added=filled.added, bits=filled.bits)


def _is_text(subject: str) -> bool:
    """Whether it can be stored at all; half a character is no stored text."""
    try:
        subject.encode()
    except UnicodeEncodeError:
        return False
    return True
