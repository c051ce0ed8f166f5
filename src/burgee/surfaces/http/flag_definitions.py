"""`GET /v1/flags`: definitions for in-process evaluation, as flagd's HTTP sync gives them (flagd.md 1.5)."""

import hashlib
import time
from collections.abc import Iterable

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.formats import flagd
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.model.snapshot import Snapshot
from burgee.service.catalogue import Catalogue, Selection
from burgee.surfaces.http.answer import JSON_TYPE, NOSNIFF, Answer, compressed, matches_etag

DEFINITIONS_PATH = "/v1/flags"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Definitions:
    """The documents of the last selections that were asked for."""

    KEPT = 16

    def __init__(self) -> None:
        self._kept: dict[str, Answer] = {}

    def answer(self, catalogue: Catalogue, selection: Selection, headers: dict[bytes, bytes]) -> Answer:
        """The document of `selection`, or 304 for who has it."""
        full = self._kept.get(selection.fingerprint)
        if full is None:
            if len(self._kept) >= self.KEPT:
                self._kept.clear()
            full = self._kept[selection.fingerprint] = _document(catalogue, selection)
        known = dict(full.headers)
        if if_none_match := headers.get(b"if-none-match"):
            is_known = matches_etag(if_none_match, known[b"etag"])
        else:
            is_known = headers.get(b"if-modified-since") == known[b"last-modified"]
        if is_known:
            return Answer(304, tuple(pair for pair in full.headers if pair[0] != b"content-type"))
        return compressed(full, headers.get(b"accept-encoding", b""))


def _document(catalogue: Catalogue, selection: Selection) -> Answer:
    keys = dict.fromkeys(flag.flag_set for flag in selection.ordered)
    programs = [catalogue.programs[key].snapshot for key in keys]
    if not programs:
        body = b'{"flags":{}}'
    elif len(programs) == 1:
        body = flagd.render(programs[0])
    else:
        body = flagd.render(_together([each.flag_set for each in programs], selection.flags.values()))
    changed_at = max([each.flag_set.updated_at for each in programs], default=0.0)
    tag = b'"%b"' % hashlib.sha256(body).hexdigest().encode()
    return Answer(
        200,
        (
            JSON_TYPE,
            NOSNIFF,
            (b"etag", tag),
            (b"last-modified", _http_date(changed_at)),
            (b"vary", b"flagd-selector"),
        ),
        body,
    )


def _together(flag_sets: list[FlagSet], flags: Iterable[CompiledFlag]) -> Snapshot:
    """One document of several sets: each flag says itself which one it is of.

    Of two rules of one name that of the set with the higher priority stays, as of two flags of one key.
    """
    evaluators: dict[str, JsonObject] = {}
    metadata = {}
    for each in sorted(flag_sets, key=_rank):
        evaluators |= each.evaluators
        named = {} if each.key == DEFAULT_FLAG_SET else {flagd.FLAG_SET_ID: each.key}
        metadata[each.key] = {**named, **each.metadata}
    placed = [
        msgspec.structs.replace(flag.source, metadata={**metadata[flag.flag_set], **flag.source.metadata})
        for flag in flags
    ]
    return Snapshot(
        flag_set=FlagSet(key=DEFAULT_FLAG_SET, evaluators=evaluators),
        flags=tuple(sorted(placed, key=lambda flag: flag.key)),
    )


def _rank(flag_set: FlagSet) -> tuple[int, bool, str]:
    return flag_set.priority, flag_set.key == DEFAULT_FLAG_SET, flag_set.key


def _http_date(moment: float) -> bytes:
    """RFC 9110 section 5.6.7, in English whatever the locale."""
    at = time.gmtime(moment)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year} {clock} GMT".encode()
