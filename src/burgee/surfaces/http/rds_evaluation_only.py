"""The simple evaluation routes of the RDS dialect without a framework: the very bytes that a server sends.

`rds_evaluation.py` says the same on a server, behind the checks of `resource.py` and the headers of
`envelope.py`; a test compares the two over many requests.
"""

import math
import os
import re
from collections.abc import Callable

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.errors import (
    BurgeeError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NoCredentialsError,
    NotFoundError,
    OriginRefusedError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnidentifiedError,
)
from burgee.formats.strict_json import encode
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject
from burgee.service.applied_overrides import UNREAD, AppliedOverrides
from burgee.service.authentication import Authentication, Identity, Permission, Role
from burgee.service.catalogue import LiveCatalogue
from burgee.service.tally import Tally
from burgee.surfaces.http.answer import Answer
from burgee.surfaces.http.limit_headers import limit_headers
from burgee.surfaces.http.ofrep_answers import STOPPED_RETRY_SECONDS
from burgee.surfaces.http.rds_views import STALE_OVERRIDES, resolved_view
from burgee.surfaces.lambda_events import HttpRequest

PREFIX = "/users/"
SDK_ROLES = frozenset({Role.SDK_SERVER, Role.SDK_CLIENT})

_PATH = re.compile(r"/users/([^/]+)/feature-flags(?:/([^/]+))?/evaluation/?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_USER_CHARACTERS, _FLAG_CHARACTERS = 256, 4_096
_MAX_PARAMETERS = 32
_ALLOWED = "GET, HEAD"
_NOTHING = "there is nothing at this path"
_FAILURE = "Something went wrong, please try again."
_CHALLENGE = (b"www-authenticate", b"Bearer")
_NO_STORE = (b"cache-control", b"no-store")
UNSURE_HEADER = (STALE_OVERRIDES[0].encode(), STALE_OVERRIDES[1].encode())
_JSON = (b"content-type", b"application/json; charset=utf-8")


class _Refused(BurgeeError):
    """A refusal in the words of the dialect."""

    def __init__(self, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
        self.status, self.headers = status, headers
        super().__init__(words)


class RdsEvaluationOnly:
    """Answers what stands under PREFIX.

    `admit` stands before each evaluation: it raises TooManyRequestsError. `is_loaded` says whether there is
    anything to answer from, `is_stopped` whether an administrator has stopped evaluation. `session_cookie`
    names the cookie that may carry a token, "" for none; `is_allowed` knows the origins whose pages may
    call, None where CORS is off.
    """

    def __init__(
        self,
        live: LiveCatalogue,
        authentication: Authentication,
        overrides: AppliedOverrides,
        *,
        tally: Tally,
        admit: Callable[[], None],
        is_loaded: Callable[[], bool],
        is_stopped: Callable[[], bool],
        session_cookie: str = "",
        is_allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._live, self._authentication, self._overrides = live, authentication, overrides
        self._tally, self._admit = tally, admit
        self._is_loaded, self._is_stopped = is_loaded, is_stopped
        self._session_cookie, self._is_allowed = session_cookie, is_allowed

    def answer(self, request: HttpRequest) -> Answer:
        """The answer to one request, dressed as a server dresses it."""
        sent = [value for name, value in request.fields if name == b"x-request-id"]
        request_id = sent[0].decode("latin-1") if len(sent) == 1 else ""
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = os.urandom(16).hex()
        status, body, headers = self._answered(request, request_id)
        dress = (
            _NO_STORE,
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        )
        return Answer(status, (*headers, *dress), body)

    def _answered(
        self, request: HttpRequest, request_id: str
    ) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
        found = _PATH.fullmatch(request.path)
        if found is None:
            problem = {
                "type": "/docs#problem-not-found",
                "title": "Not found",
                "status": 404,
                "detail": _NOTHING,
                "requestId": request_id,
            }
            return 404, encode(problem), ((b"content-type", b"application/problem+json"),)
        try:
            views, is_unsure = self._evaluated(request, found[1], found[2])
            return 200, msgspec.json.encode(views), (_JSON, UNSURE_HEADER) if is_unsure else (_JSON,)
        except BurgeeError as error:
            refused = _refused(error)
        return refused.status, encode({"message": str(refused)}), (_JSON, *refused.headers)

    def _evaluated(self, request: HttpRequest, user: str, flag_id: str | None) -> tuple[object, bool]:
        """The views, and whether they might be others, could overrides be read."""
        self._require_known_origin(request)
        if request.method not in ("GET", "HEAD"):
            raise _Refused(405, f"this path answers {_ALLOWED}", (b"allow", _ALLOWED.encode()))
        identity = self._identity(request)
        within = identity.flag_sets[0] if identity is not None and identity.flag_sets else None
        self._authentication.require(identity, Permission.EVALUATE, within)
        if "%2f" in request.raw_path.lower():
            raise NotFoundError(_NOTHING)
        _check(request.query, user, flag_id)
        self._authentication.require(identity, Permission.EVALUATE, DEFAULT_FLAG_SET)
        if identity is None or identity.role not in SDK_ROLES:
            self._require_own(identity, user)
        if not self._is_loaded():
            raise UnavailableError("there is no snapshot")
        if self._is_stopped():
            retry = (b"retry-after", b"%d" % STOPPED_RETRY_SECONDS)
            raise _Refused(429, "an administrator has stopped everything", retry)
        self._admit()
        return self._all(user) if flag_id is None else self._one(user, flag_id)

    def _require_own(self, identity: Identity | None, user: str) -> None:
        try:
            self._authentication.require_subject(identity, user, own=True)
        except ForbiddenError:
            raise _Refused(403, "You can only access your own feature flag mappings") from None

    def _all(self, user: str) -> tuple[object, bool]:
        context: JsonObject = {"targetingKey": user}
        flags = self._flags()
        found = self._overrides.for_context(context)
        held = {each.flag_key: each for each in found if each.flag_set == DEFAULT_FLAG_SET}
        resolutions = [
            self._overrides.resolve(flag.evaluate(context), flag, held.get(flag.key)) for flag in flags
        ]
        self._tally.count(resolutions)
        views = [
            resolved_view(flag, user, resolution) for flag, resolution in zip(flags, resolutions, strict=True)
        ]
        return views, found is UNREAD

    def _one(self, user: str, flag_id: str) -> tuple[object, bool]:
        flag = next((each for each in self._flags() if each.source.id == flag_id), None)
        if flag is None:
            raise NotFoundError("Feature flag not found")
        context: JsonObject = {"targetingKey": user}
        found = self._overrides.find(flag, context)
        resolution = self._overrides.resolve(flag.evaluate(context), flag, found[0] if found else None)
        self._tally.count((resolution,))
        return resolved_view(flag, user, resolution), found is UNREAD

    def _flags(self) -> tuple[CompiledFlag, ...]:
        program = self._live.current.programs.get(DEFAULT_FLAG_SET)
        return tuple(program.flags.values()) if program is not None else ()

    # -- who asks

    def _require_known_origin(self, request: HttpRequest) -> None:
        """Refuse pages of other sites, where some are allowed; those of this very host are its own."""
        sent = [value.decode("latin-1") for name, value in request.fields if name == b"origin"]
        if self._is_allowed is None or not sent:
            return
        ours = f"{request.scheme}://{request.headers.get(b'host', b'').decode('latin-1')}"
        site = request.headers.get(b"sec-fetch-site")
        if site == b"same-origin" and sent[0] in ("null", ours):
            return
        if site is None and sent[0] == ours:
            return
        if len(sent) > 1 or not self._is_allowed(sent[0]):
            raise OriginRefusedError("pages of this origin may not call")

    def _identity(self, request: HttpRequest) -> Identity | None:
        bearer = _bearer([value for name, value in request.fields if name == b"authorization"])
        cookie = self._cookie(request)
        if bearer is not None and cookie is not None and bearer != cookie:
            raise UnauthenticatedError("the cookie and the Authorization header differ")
        token = bearer if bearer is not None else cookie
        return self._authentication.authenticate(token) if token is not None else None

    def _cookie(self, request: HttpRequest) -> str | None:
        if not self._session_cookie:
            return None
        lines = [value.decode("latin-1") for name, value in request.fields if name == b"cookie"]
        pairs = [pair.strip().partition("=") for line in lines for pair in line.split(";")]
        found = [value.strip() for name, _, value in pairs if name.strip() == self._session_cookie]
        if len(found) > 1:
            raise UnauthenticatedError("two session cookies")
        return found[0] or None if found else None


def _bearer(lines: list[bytes]) -> str | None:
    if not lines:
        return None
    scheme, _, token = lines[0].decode("latin-1").partition(" ")
    if len(lines) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("one Authorization header of the Bearer scheme is understood")
    return token.strip()


def _check(query: bytes, user: str, flag_id: str | None) -> None:
    """Raises InvalidInputError."""
    faults = []
    if query:
        from urllib.parse import parse_qsl

        try:
            parse_qsl(query.decode("ascii"), True, errors="strict", max_num_fields=_MAX_PARAMETERS)
        except ValueError as error:
            words = "the query is not percent-encoded UTF-8 of a reasonable size"
            raise InvalidInputError([Fault("", "invalid-query", words)]) from error
    sent = [("userId", user, 1, _USER_CHARACTERS)]
    if flag_id is not None:
        sent.append(("flagId", flag_id, 0, _FLAG_CHARACTERS))
    for name, text, least, most in sent:
        if not least <= len(text) <= most:
            words = f"{name} must have {least} to {most} characters"
        elif any(ord(character) < 32 or ord(character) == 127 for character in text):
            words = f"{name} must not contain control characters"
        else:
            continue
        faults.append(Fault(f"/{name}", "invalid-parameter", words))
    if faults:
        raise InvalidInputError(faults)


def _refused(error: BurgeeError) -> _Refused:
    """`error` in the words of the dialect (rds_errors.py says the same for the server)."""
    match error:
        case _Refused():
            return error
        case NoCredentialsError():
            return _Refused(401, "Unauthenticated", _CHALLENGE)
        case UnidentifiedError():
            return _Refused(401, "Unauthorized", _CHALLENGE)
        case UnauthenticatedError():
            return _Refused(401, "Invalid token", _CHALLENGE)
        case OriginRefusedError():
            return _Refused(403, "CORS policy does not allow access from this origin.")
        case ForbiddenError():
            return _Refused(403, "Insufficient permissions")
        case NotFoundError():
            return _Refused(404, str(error))
        case InvalidInputError():
            return _Refused(400, str(error))
        case TooManyRequestsError():
            pairs = [(name.encode(), value.encode()) for name, value in limit_headers(error)]
            return _Refused(429, str(error), *pairs)
        case UnavailableError():
            retry = str(max(1, math.ceil(error.retry_after))).encode()
            return _Refused(500, _FAILURE, (b"retry-after", retry))
        case _:
            return _Refused(500, _FAILURE)
