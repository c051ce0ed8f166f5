"""OFREP 0.3 without a framework: bytes of a request in, an answer out (reference flagd.md section 3).

The inline protocol, the ASGI routes and the Lambda handler all call this, so that they cannot differ. What
few requests need is imported where it is needed: a Lambda pays for every import at each cold start.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from burgee import __version__
from burgee.engine.program import CompiledFlag
from burgee.errors import (
    ForbiddenError,
    InvalidInputError,
    MalformedError,
    UnauthenticatedError,
    UnavailableError,
)
from burgee.formats.strict_json import decode, encode
from burgee.model.flag import MetadataValue
from burgee.model.json import JsonObject
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import ErrorCode, Reason, Resolution
from burgee.service.applied_overrides import UNREAD, UNSURE, AppliedOverrides
from burgee.service.authentication import Authentication
from burgee.service.catalogue import Catalogue, LiveCatalogue
from burgee.service.tally import Tally
from burgee.surfaces.http.answer import JSON_TYPE, NOSNIFF, Answer, compressed, json_answer, matches_etag
from burgee.surfaces.http.audience import Audience, Scope
from burgee.surfaces.http.counters import Counters
from burgee.surfaces.http.ofrep_answers import OUTCOME, Ready, SelectionAnswers, failure, stopped_answer

if TYPE_CHECKING:
    from burgee.service.refusals import Refusals

SINGLE_PATH = "/ofrep/v1/evaluate/flags/"
BULK_PATH = "/ofrep/v1/evaluate/flags"
STREAM_PATH = "/ofrep/v1/sse"
INACTIVITY_SECONDS = 120
BULK_BYTES = 16 * 1024 * 1024
"""The largest bulk answer; a selection that would be longer is refused with advice."""

REMEMBERED_TAGS = 4096
REMEMBERED_BYTES = 1024
"""Of how many request bodies the ETag is known by heart, and how long one may be."""

KNOWN_SELECTIONS = 256
"""How many selections keep their prebuilt bytes at a time."""

REFUSALS = (InvalidInputError, UnauthenticatedError, ForbiddenError, UnavailableError)
"""What a request for evaluation may be refused with."""

Headers = Mapping[bytes, bytes]

_canonical = msgspec.json.Encoder(order="sorted")


class _Selected(NamedTuple):
    """One selection: `ending` is how its bulk answers end, `etag` the hash of all but the context."""

    answers: SelectionAnswers
    fingerprint: str
    ending: bytes
    etag: "blake2b"


class Ofrep:
    """Evaluation over HTTP for one worker.

    `overrides` None applies none. `open_to_all` lets anonymous callers in (loopback only). `refresh` is
    asked to look for something newer when a client says that it knows of it. `public_url` is the origin
    that event streams are announced with; without it clients use the one that they called. Without
    `has_streams` none is announced, and clients poll. `tally` counts by flag.
    """

    def __init__(
        self,
        live: LiveCatalogue,
        access: Authentication,
        counters: Counters,
        *,
        open_to_all: bool,
        overrides: AppliedOverrides | None = None,
        tally: Tally | None = None,
        refusals: "Refusals | None" = None,
        refresh: Callable[[], bool] = lambda: False,
        limits: Limits = DEFAULT_LIMITS,
        public_url: str = "",
        salt: str = "",
        has_streams: bool = True,
    ) -> None:
        self.audience = Audience(access, open_to_all=open_to_all)
        self.counters = counters
        self._open = open_to_all
        self._refusals = refusals
        self._tally = tally if tally is not None else Tally()
        self._live, self._limits, self._refresh = live, limits, refresh
        self._overrides = overrides
        self._subjects = overrides.subjects if overrides is not None else None
        self._public_url = public_url.rstrip("/")
        self._has_streams = has_streams
        self._salt = f"{__version__} {salt} {public_url}"
        self._catalogue: Catalogue = live.current
        self._selected: dict[Scope, _Selected] = {}
        self._former: dict[Scope, _Selected] = {}
        self._tags: dict[bytes, tuple[_Selected, bytes, int]] = {}
        self._everything = self._select(Scope())
        self.stopped = False

    def stop(self, is_stopped: bool) -> None:
        """Refuse every evaluation from now on, or no longer; called from any thread."""
        self.stopped = is_stopped

    # -- one flag

    def quick(self, key: str, headers: Headers, body: bytes) -> Ready | None:
        """The finished answer for `key` where everything about the request is usual, else None."""
        if self.stopped:
            return None
        if self._live.current is not self._catalogue:
            self._turn()
        selected = self._everything
        if b"flagd-selector" in headers or not self._open:
            try:
                selected = self._select(self.audience.scope(headers))
            except REFUSALS:
                return None
        flag = selected.answers.flags.get(key)
        if flag is None or len(body) > self._limits.context_bytes:
            return None
        try:
            context = decode(body, limits=self._limits)["context"]  # type: ignore[index,call-overload]
        except (InvalidInputError, KeyError, TypeError):
            return None
        if type(context) is not dict:
            return None
        subjects = self._subjects
        if subjects is not None and subjects.any and subjects.may_have(context.get("targetingKey")):
            return None
        return selected.answers.ready.get(flag.evaluate(context))

    def single(self, key: str, headers: Headers, body: bytes) -> Answer:
        """`POST /ofrep/v1/evaluate/flags/{key}`."""
        if self.stopped:
            return stopped_answer()
        if self._live.current is not self._catalogue:
            self._turn()
        try:
            answers = self._select(self.audience.scope(headers)).answers
            context = self._context(body)
        except REFUSALS as error:
            return self.refusal(error, key, headers)
        flag = answers.flags.get(key)
        resolution = self._evaluate(flag, context) if flag else _not_found(key)
        self._tally.count((resolution,))
        self.counters.evaluated(OUTCOME[resolution.reason])
        return compressed(answers.single(resolution), headers.get(b"accept-encoding", b""))

    def _evaluate(self, flag: CompiledFlag, context: JsonObject) -> Resolution:
        overrides = self._overrides
        return flag.evaluate(context) if overrides is None else overrides.evaluate(flag, context)

    # -- all flags

    def unchanged(self, headers: Headers, body: bytes) -> bytes | None:
        """The finished 304 for a client that has what `body` would give, where that was worked out before."""
        known = headers.get(b"if-none-match")
        found = self._tags.get(body)
        if known is None or found is None or self.stopped:
            return None
        if self._live.current is not self._catalogue:
            self._turn()
        try:
            selected = self._select(self.audience.scope(headers))
        except (InvalidInputError, UnauthenticatedError, ForbiddenError):
            return None
        tag, mark = found[1], self._subjects.mark if self._subjects is not None else 0
        if found[0] is not selected or found[2] != mark or known not in (tag, tag[:-1] + b'-gzip"'):
            return None
        return b"etag: %b\r\n\r\n" % tag

    def bulk(self, query: bytes, headers: Headers, body: bytes) -> Answer:
        """`POST /ofrep/v1/evaluate/flags`; a 304 evaluates nothing, unless a rule reads the clock."""
        if self.stopped:
            return stopped_answer()
        try:
            wanted = _first(query, "flagConfigEtag")
            if self._live.current is not self._catalogue:
                self._turn()
            scope = self.audience.scope(headers)
            selected = self._select(scope)
            if wanted and self._is_behind(wanted, selected) and self._refresh():
                self._turn()
                selected = self._select(scope)
            context = self._context(body)
        except REFUSALS as error:
            return self.refusal(error, None, headers)
        known = headers.get(b"if-none-match", b"")
        if wanted and self._is_behind(wanted, selected):
            known = b""  # the client has heard of definitions that are not these: no 304 for it
        mark = self._subjects.mark if self._subjects is not None else 0
        overrides = self._overrides.for_context(context) if self._overrides is not None else ()
        if overrides is UNREAD:
            return self._unsure(scope, selected, context, headers)
        causes = _canonical.encode([context, overrides] if overrides else context)
        etag = b"" if selected.answers.uses_clock else _etag(selected, causes)
        if etag and not overrides and len(body) <= REMEMBERED_BYTES:
            if len(self._tags) >= REMEMBERED_TAGS:
                self._tags.clear()
            self._tags[body] = (selected, etag, mark)
        if known and etag and matches_etag(known, etag):
            return Answer(304, ((b"etag", etag),))
        body = _bulk_body(selected.answers.bulk(context, overrides), selected.ending)
        if len(body) > BULK_BYTES:
            return _too_long()
        etag = etag or _etag(selected, body)
        if known and matches_etag(known, etag):
            return Answer(304, ((b"etag", etag),))
        answer = Answer(200, (JSON_TYPE, NOSNIFF, (b"etag", etag)), body)
        return compressed(answer, headers.get(b"accept-encoding", b""))

    def _unsure(self, scope: Scope, selected: _Selected, context: JsonObject, headers: Headers) -> Answer:
        """Everything without the overrides, as they cannot be read: it says so, and has no tag."""
        ending = self._ending(scope, {**selected.answers.reflection, **UNSURE})
        body = _bulk_body(selected.answers.bulk(context), ending)
        if len(body) > BULK_BYTES:
            return _too_long()
        return compressed(Answer(200, (JSON_TYPE, NOSNIFF), body), headers.get(b"accept-encoding", b""))

    def mark(self, scope: Scope) -> tuple[int, str]:
        """The sum of all revisions, and what changes when a flag that `scope` sees, or an override, does."""
        catalogue = self._live.current
        total = sum([program.snapshot.flag_set.revision for program in catalogue.programs.values()])
        fingerprint = self.audience.selection(catalogue, scope).fingerprint
        overridden = self._subjects.mark if self._subjects is not None else 0
        return total, f"{fingerprint}.{overridden}" if overridden else fingerprint

    def _is_behind(self, wanted: str, selected: _Selected) -> bool:
        """Whether a client has heard, by the mark of an event, of more than is known here."""
        fingerprint, _, overridden = wanted.partition(".")
        if fingerprint != selected.fingerprint:
            return True
        known = self._subjects.mark if self._subjects is not None else 0
        return overridden.isdecimal() and int(overridden[:18]) > known

    def note_refusal(self, error: Exception, headers: Headers) -> None:
        """For the audit log, where it is a token that was refused."""
        if self._refusals is not None:
            from burgee.surfaces.http.evaluation_refusals import note_evaluation_refusal

            note_evaluation_refusal(self._refusals, headers, error)

    def _ending(self, scope: Scope, reflection: dict[str, MetadataValue]) -> bytes:
        tail: JsonObject = {"metadata": {**reflection}}
        if self._has_streams:
            tail["eventStreams"] = [self._event_stream(scope)]
        return b"]," + encode(tail)[1:]

    def _event_stream(self, scope: Scope) -> JsonObject:
        path = STREAM_PATH
        if scope.selector:
            from urllib.parse import quote

            path += f"/{quote(scope.selector, safe='=')}"
        endpoint: JsonObject = {"requestUri": path}
        if self._public_url:
            endpoint["origin"] = self._public_url
        return {"type": "sse", "inactivityDelaySec": INACTIVITY_SECONDS, "endpoint": endpoint}

    def _identity(self, scope: Scope, fingerprint: str) -> "blake2b":
        """The hash of the definitions and of who asks."""
        parts = [self._salt, fingerprint, scope.selector, *scope.flag_sets, ""]
        return blake2b("\0".join(parts).encode(), digest_size=16)

    # -- what both share

    def _context(self, body: bytes) -> JsonObject:
        """The evaluation context of a request body; empty where the body or its `context` is missing."""
        if not body:
            return {}
        request = decode(body, max_bytes=self._limits.body_bytes, limits=self._limits)
        if not isinstance(request, dict):
            raise MalformedError("not-an-object", "the request is not a JSON object")
        context = request.get("context", {})
        if not isinstance(context, dict):
            raise MalformedError("not-an-object", "the context is not a JSON object", pointer="/context")
        if len(body) > self._limits.context_bytes and len(encode(context)) > self._limits.context_bytes:
            raise MalformedError(
                "context-too-large",
                f"the context is longer than {self._limits.context_bytes} bytes",
                pointer="/context",
            )
        return context

    def _select(self, scope: Scope) -> _Selected:
        selected = self._selected.get(scope)
        if selected is None:
            former = self._former.get(scope)
            selection = self.audience.selection(self._catalogue, scope)
            selected = _Selected(
                SelectionAnswers(
                    selection.flags,
                    selection.ordered,
                    selection.reflection,
                    tally=self._tally,
                    previous=former.answers if former else None,
                ),
                selection.fingerprint,
                self._ending(scope, selection.reflection),
                self._identity(scope, selection.fingerprint),
            )
            if len(self._selected) >= KNOWN_SELECTIONS:
                self._selected.clear()
                self._selected[Scope()] = self._everything
            self._selected[scope] = selected
        return selected

    def _turn(self) -> None:
        """Take the catalogue that is current now."""
        self._catalogue = self._live.current
        self._former, self._selected = self._selected, {}
        self._tags.clear()
        self._everything = self._select(Scope())

    def refusal(self, error: Exception, key: str | None, headers: Headers) -> Answer:
        """The answer to a request that is refused with one of REFUSALS."""
        self.note_refusal(error, headers)
        if isinstance(error, UnauthenticatedError):
            body = encode({"errorDetails": "a valid token is needed: Authorization: Bearer, or X-API-Key"})
            return json_answer(401, body, (b"www-authenticate", b'Bearer realm="burgee"'))
        if isinstance(error, ForbiddenError):
            return json_answer(403, encode({"errorDetails": "the token is not for these flags"}))
        if isinstance(error, UnavailableError):
            retry = str(max(1, ceil(error.retry_after))).encode()
            body = encode({"errorDetails": "the token cannot be judged now; try again"})
            return json_answer(503, body, (b"retry-after", retry))
        fault = error.faults[0] if isinstance(error, InvalidInputError) and error.faults else None
        selector = fault is not None and fault.code == "invalid-selector"
        code = ErrorCode.GENERAL if selector else ErrorCode.INVALID_CONTEXT
        words = str(error) if not selector else f"invalid selector: {fault.message if fault else ''}"
        self.counters.evaluated(OUTCOME[Reason.ERROR])
        return json_answer(400, encode(failure(key, code, details=words)))


def _etag(selected: _Selected, rest: bytes) -> bytes:
    """A strong tag of the selection and `rest`: the context, or the whole body."""
    digest = selected.etag.copy()
    digest.update(rest)
    return b'"%b"' % digest.hexdigest().encode()


def _not_found(key: str) -> Resolution:
    return Resolution(flag_key=key, reason=Reason.ERROR, error_code=ErrorCode.FLAG_NOT_FOUND)


def _first(query: bytes, name: str) -> str:
    if not query:
        return ""
    from urllib.parse import parse_qs

    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [""])
    except ValueError:
        raise MalformedError("too-many-fields", "the query has more than 100 fields") from None
    return values[0].strip('"')


def _bulk_body(fragments: list[bytes], ending: bytes) -> bytes:
    return b'{"flags":[%b%b' % (b",".join(fragments), ending)


def _too_long() -> Answer:
    words = f"the answer would be longer than {BULK_BYTES} bytes; narrow it with Flagd-Selector"
    return json_answer(400, encode(failure(None, ErrorCode.GENERAL, details=words)))
