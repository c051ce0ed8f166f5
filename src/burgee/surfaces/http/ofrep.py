"""OFREP 0.3 without a framework: bytes of a request in, an answer out (reference flagd.md section 3).

The inline protocol and the ASGI routes both call this, so that they cannot differ.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qs, quote

import msgspec

from burgee import __version__
from burgee.errors import ForbiddenError, InvalidInputError, MalformedError, UnauthenticatedError
from burgee.formats.strict_json import decode, encode
from burgee.model.flag import MetadataValue
from burgee.model.json import JsonObject
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import ErrorCode, Reason, Resolution
from burgee.service.access import Access
from burgee.service.catalogue import Catalogue, LiveCatalogue
from burgee.service.refusals import Refusals
from burgee.service.tally import Tally
from burgee.surfaces.http.answer import JSON_TYPE, NOSNIFF, Answer, compressed, json_answer, matches_etag
from burgee.surfaces.http.audience import Audience, Scope
from burgee.surfaces.http.metrics import Counters
from burgee.surfaces.http.ofrep_answers import OUTCOME, Ready, SelectionAnswers, failure
from burgee.surfaces.http.refusal_notes import note_evaluation_refusal

SINGLE_PATH = "/ofrep/v1/evaluate/flags/"
BULK_PATH = "/ofrep/v1/evaluate/flags"
STREAM_PATH = "/ofrep/v1/sse"
INACTIVITY_SECONDS = 120
BULK_BYTES = 16 * 1024 * 1024
"""The largest bulk answer; a selection that would be longer is refused with advice."""

KNOWN_SELECTIONS = 256
"""How many selections keep their prebuilt bytes at a time."""

Headers = Mapping[bytes, bytes]

_canonical = msgspec.json.Encoder(order="sorted")


class _Selected(NamedTuple):
    """One selection: `ending` is how its bulk answers end, `etag` the hash of all but the context."""

    answers: SelectionAnswers
    fingerprint: str
    uses_clock: bool
    ending: bytes
    etag: "blake2b"


class Ofrep:
    """Evaluation over HTTP for one worker.

    `open_to_all` lets anonymous callers in (loopback only). `refresh` is asked to look for a newer
    catalogue when a client says that it knows of one. `public_url` is the origin that event streams are
    announced with; without it clients use the one that they called. `tally` counts by flag.
    """

    def __init__(
        self,
        live: LiveCatalogue,
        access: Access,
        counters: Counters,
        *,
        open_to_all: bool,
        tally: Tally | None = None,
        refusals: Refusals | None = None,
        refresh: Callable[[], bool] = lambda: False,
        limits: Limits = DEFAULT_LIMITS,
        public_url: str = "",
        salt: str = "",
    ) -> None:
        self.audience = Audience(access, open_to_all=open_to_all)
        self.counters = counters
        self._open = open_to_all
        self._refusals = refusals
        self._tally = tally if tally is not None else Tally()
        self._live, self._limits, self._refresh = live, limits, refresh
        self._public_url = public_url.rstrip("/")
        self._salt = f"{__version__} {salt} {public_url}"
        self._catalogue: Catalogue = live.current
        self._selected: dict[Scope, _Selected] = {}
        self._former: dict[Scope, _Selected] = {}
        self._everything = self._select(Scope())

    # -- one flag

    def quick(self, key: str, headers: Headers, body: bytes) -> Ready | None:
        """The finished answer for `key` where everything about the request is usual, else None."""
        if self._live.current is not self._catalogue:
            self._turn()
        selected = self._everything
        if b"flagd-selector" in headers or not self._open:
            try:
                selected = self._select(self.audience.scope(headers))
            except (InvalidInputError, UnauthenticatedError, ForbiddenError):
                return None
        flag = selected.answers.flags.get(key)
        if flag is None or len(body) > self._limits.context_bytes:
            return None
        try:
            context = decode(body, limits=self._limits)["context"]  # type: ignore[index,call-overload]
        except (InvalidInputError, KeyError, TypeError):
            return None
        return selected.answers.ready.get(flag.evaluate(context)) if type(context) is dict else None

    def single(self, key: str, headers: Headers, body: bytes) -> Answer:
        """`POST /ofrep/v1/evaluate/flags/{key}`."""
        if self._live.current is not self._catalogue:
            self._turn()
        try:
            answers = self._select(self.audience.scope(headers)).answers
            context = self._context(body)
        except (InvalidInputError, UnauthenticatedError, ForbiddenError) as error:
            return self._refusal(error, key, headers)
        flag = answers.flags.get(key)
        resolution = flag.evaluate(context) if flag else _not_found(key)
        self._tally.count((resolution,))
        self.counters.evaluated(OUTCOME[resolution.reason])
        return compressed(answers.single(resolution), headers.get(b"accept-encoding", b""))

    # -- all flags

    def bulk(self, query: bytes, headers: Headers, body: bytes) -> Answer:
        """`POST /ofrep/v1/evaluate/flags`; a 304 evaluates nothing, unless a rule reads the clock."""
        try:
            wanted = _first(query, "flagConfigEtag")
            if self._live.current is not self._catalogue:
                self._turn()
            scope = self.audience.scope(headers)
            selected = self._select(scope)
            if wanted and wanted != selected.fingerprint and self._refresh():
                self._turn()
                selected = self._select(scope)
            context = self._context(body)
        except (InvalidInputError, UnauthenticatedError, ForbiddenError) as error:
            return self._refusal(error, None, headers)
        known = headers.get(b"if-none-match", b"")
        if wanted and wanted != selected.fingerprint:
            known = b""  # the client has heard of definitions that are not these: no 304 for it
        etag = b"" if selected.uses_clock else _etag(selected, _canonical.encode(context))
        if known and etag and matches_etag(known, etag):
            return Answer(304, ((b"etag", etag),))
        body = b'{"flags":[%b%b' % (b",".join(selected.answers.bulk(context)), selected.ending)
        if len(body) > BULK_BYTES:
            words = f"the answer would be longer than {BULK_BYTES} bytes; narrow it with Flagd-Selector"
            return json_answer(400, encode(failure(None, ErrorCode.GENERAL, details=words)))
        etag = etag or _etag(selected, body)
        if known and matches_etag(known, etag):
            return Answer(304, ((b"etag", etag),))
        answer = Answer(200, (JSON_TYPE, NOSNIFF, (b"etag", etag)), body)
        return compressed(answer, headers.get(b"accept-encoding", b""))

    def mark(self, scope: Scope) -> tuple[int, str]:
        """The sum of all revisions, and what changes exactly when a flag that `scope` sees has changed."""
        catalogue = self._live.current
        total = sum([program.snapshot.flag_set.revision for program in catalogue.programs.values()])
        return total, self.audience.selection(catalogue, scope).fingerprint

    def note_refusal(self, error: Exception, headers: Headers) -> None:
        """For the audit log, where it is a token that was refused."""
        if self._refusals is not None:
            note_evaluation_refusal(self._refusals, headers, error)

    def _ending(self, scope: Scope, reflection: dict[str, MetadataValue]) -> bytes:
        tail: JsonObject = {"metadata": {**reflection}, "eventStreams": [self._event_stream(scope)]}
        return b"]," + encode(tail)[1:]

    def _event_stream(self, scope: Scope) -> JsonObject:
        path = STREAM_PATH + (f"/{quote(scope.selector, safe='=')}" if scope.selector else "")
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
                any(flag.uses_clock for flag in selection.ordered),
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
        self._everything = self._select(Scope())

    def _refusal(self, error: Exception, key: str | None, headers: Headers) -> Answer:
        self.note_refusal(error, headers)
        if isinstance(error, UnauthenticatedError):
            body = encode({"errorDetails": "a valid token is needed: Authorization: Bearer, or X-API-Key"})
            return json_answer(401, body, (b"www-authenticate", b'Bearer realm="burgee"'))
        if isinstance(error, ForbiddenError):
            return json_answer(403, encode({"errorDetails": "the token is not for these flags"}))
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
    values = parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [""])
    return values[0].strip('"')
