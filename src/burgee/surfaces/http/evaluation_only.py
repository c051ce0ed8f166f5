"""All that evaluates, without a framework: OFREP, `GET /v1/flags` and the simple routes of the RDS dialect.

What the Lambda function of evaluation answers. OFREP is the very code that the server runs.
"""

from collections.abc import Callable
from math import ceil

import msgspec

from burgee.engine.program import CompiledFlag
from burgee.errors import (
    ForbiddenError,
    InvalidInputError,
    NoCredentialsError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    UnidentifiedError,
)
from burgee.formats.strict_json import encode
from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject
from burgee.model.limits import DEFAULT_LIMITS
from burgee.model.override import Override
from burgee.service.applied_overrides import UNREAD, AppliedOverrides
from burgee.service.authentication import Authentication, Identity, Permission, Role
from burgee.service.catalogue import LiveCatalogue
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.ofrep import BULK_PATH, REFUSALS, SINGLE_PATH, Ofrep
from burgee.surfaces.http.ofrep_answers import stopped_answer

SDK_ROLES = frozenset({Role.SDK_SERVER, Role.SDK_CLIENT})
RETRY_SECONDS = 1

_USERS = "/users/"
_DEFINITIONS = "/v1/flags"
_NOTHING = encode({"errorDetails": "there is nothing at this address"})


class EvaluationOnly:
    """Answers requests; `session_cookie` names the cookie that may carry a token, "" for none.

    `is_loaded` says whether there is anything to answer from, be it nothing.
    """

    def __init__(
        self,
        ofrep: Ofrep,
        live: LiveCatalogue,
        authentication: Authentication,
        overrides: AppliedOverrides,
        *,
        is_loaded: Callable[[], bool],
        session_cookie: str = "",
    ) -> None:
        self._ofrep, self._live = ofrep, live
        self._authentication, self._overrides = authentication, overrides
        self._is_loaded, self._session_cookie = is_loaded, session_cookie
        self._definitions_kept: object = None

    def answer(
        self, method: str, path: str, query: bytes, headers: dict[bytes, bytes], body: bytes
    ) -> Answer:
        """The answer to one request, whatever it is; `path` is not percent-encoded."""
        answer: Callable[[str, bytes, dict[bytes, bytes], bytes], Answer]
        asked = "GET" if method == "HEAD" else method
        if path.startswith(SINGLE_PATH) and len(path) > len(SINGLE_PATH):
            allowed, answer = "POST", self._single
        elif path in (BULK_PATH, SINGLE_PATH):
            allowed, answer = "POST", self._bulk
        elif path == _DEFINITIONS:
            allowed, answer = "GET", self._definitions
        elif path.startswith(_USERS) and path.endswith("/evaluation"):
            allowed, answer = "GET", self._rds
        else:
            return json_answer(404, _NOTHING)
        if asked != allowed:
            words = encode({"errorDetails": f"this path answers {allowed}"})
            return json_answer(405, words, (b"allow", allowed.encode()))
        if len(body) > DEFAULT_LIMITS.body_bytes:
            return json_answer(413, encode({"errorDetails": "the body is too large"}))
        if not self._is_loaded():
            words = encode({"errorDetails": "the flags cannot be read now; try again"})
            return json_answer(503, words, (b"retry-after", b"%d" % RETRY_SECONDS))
        return answer(path, query, headers, body)

    # -- OFREP

    def _single(self, path: str, _query: bytes, headers: dict[bytes, bytes], body: bytes) -> Answer:
        return self._ofrep.single(path[len(SINGLE_PATH) :], headers, body)

    def _bulk(self, _path: str, query: bytes, headers: dict[bytes, bytes], body: bytes) -> Answer:
        return self._ofrep.bulk(query, headers, body)

    # -- definitions

    def _definitions(self, _path: str, _query: bytes, headers: dict[bytes, bytes], _body: bytes) -> Answer:
        # Reading definitions for others is rare, and YAML comes along with it.
        from burgee.surfaces.http.flag_definitions import Definitions

        audience = self._ofrep.audience
        try:
            scope = audience.scope(headers)
            if not audience.open_to_all:
                identity = self._authentication.authenticate(audience.credential(headers))
                if identity.role is Role.SDK_CLIENT:
                    raise ForbiddenError("a client key opens no definitions")
        except REFUSALS as error:
            if isinstance(error, InvalidInputError):
                is_selector = error.faults[0].code == "invalid-selector"
                return json_answer(400 if is_selector else 404, encode({"errorDetails": str(error)}))
            return self._ofrep.refusal(error, None, headers)
        if self._ofrep.stopped:
            return stopped_answer()
        if not isinstance(self._definitions_kept, Definitions):
            self._definitions_kept = Definitions()
        catalogue = self._live.current
        return self._definitions_kept.answer(catalogue, audience.selection(catalogue, scope), headers)

    # -- the RDS dialect

    def _rds(self, path: str, _query: bytes, headers: dict[bytes, bytes], _body: bytes) -> Answer:
        user, _, rest = path[len(_USERS) :].partition("/")
        parts = rest.split("/")
        if not user or parts[0] != "feature-flags" or len(parts) not in (2, 3):
            return json_answer(404, _NOTHING)
        try:
            self._admit(user, headers)
        except (ForbiddenError, UnauthenticatedError, UnavailableError) as error:
            self._ofrep.note_refusal(error, headers)
            return _refused(error)
        if self._ofrep.stopped:
            stopped = stopped_answer()
            return stopped._replace(body=encode({"message": "an administrator has stopped evaluation"}))
        try:
            return self._rds_one(user, parts[1]) if len(parts) == 3 else self._rds_all(user)
        except NotFoundError as error:
            return json_answer(404, encode({"message": str(error)}))

    def _rds_all(self, user: str) -> Answer:
        from burgee.surfaces.http.rds_views import evaluation_view

        context: JsonObject = {"targetingKey": user}
        found = self._overrides.for_context(context)
        held = {(each.flag_set, each.flag_key): each for each in found}
        views = [
            evaluation_view(flag, user, flag.evaluate(context), held.get((flag.flag_set, flag.key)))
            for flag in self._default_flags()
        ]
        return _rds_answer(views, found)

    def _rds_one(self, user: str, flag_id: str) -> Answer:
        from burgee.surfaces.http.rds_views import evaluation_view

        flag = next((each for each in self._default_flags() if each.source.id == flag_id), None)
        if flag is None:
            raise NotFoundError("Feature flag not found")
        context: JsonObject = {"targetingKey": user}
        found = self._overrides.find(flag, context)
        view = evaluation_view(flag, user, flag.evaluate(context), found[0] if found else None)
        return _rds_answer(view, found)

    def _default_flags(self) -> tuple[CompiledFlag, ...]:
        program = self._live.current.programs.get(DEFAULT_FLAG_SET)
        return tuple(program.flags.values()) if program is not None else ()

    def _admit(self, user: str, headers: dict[bytes, bytes]) -> None:
        """Let pass who may know what flags are for `user`: the user, administrators, and programs."""
        identity = self._identity(headers)
        self._authentication.require(identity, Permission.EVALUATE, DEFAULT_FLAG_SET)
        if identity is None or identity.role in SDK_ROLES or identity.role is Role.ADMIN:
            return
        if identity.subject != user:
            raise _NotYoursError("you can only reach what is your own")

    def _identity(self, headers: dict[bytes, bytes]) -> Identity | None:
        token = _cookie(headers.get(b"cookie", b""), self._session_cookie)
        if b"authorization" in headers or b"x-api-key" in headers:
            sent = self._ofrep.audience.token(headers)
            if token and token != sent:
                raise UnauthenticatedError("the cookie and the Authorization header differ")
            token = sent
        return self._authentication.authenticate(token) if token else None


class _NotYoursError(ForbiddenError):
    """Somebody asks what flags are for somebody else."""


class _Message(msgspec.Struct, frozen=True):
    message: str


def _refused(error: Exception) -> Answer:
    """A refusal in the words of the dialect (rds_errors.py says the same for the server)."""
    challenge = ((b"www-authenticate", b'Bearer realm="burgee"'),)
    match error:
        case NoCredentialsError():
            return json_answer(401, encode(_Message("Unauthenticated")), *challenge)
        case UnidentifiedError():
            return json_answer(401, encode(_Message("Unauthorized")), *challenge)
        case UnauthenticatedError():
            return json_answer(401, encode(_Message("Invalid token")), *challenge)
        case UnavailableError():
            retry = str(max(1, ceil(error.retry_after))).encode()
            words = _Message("Something went wrong, please try again.")
            return json_answer(503, encode(words), (b"retry-after", retry))
        case _NotYoursError():
            return json_answer(403, encode(_Message("You can only access your own feature flag mappings")))
        case _:
            return json_answer(403, encode(_Message("Insufficient permissions")))


def _cookie(line: bytes, wanted: str) -> str:
    if not wanted or not line:
        return ""
    pairs = [pair.strip().partition("=") for pair in line.decode("latin-1").split(";")]
    found = [value.strip() for name, _, value in pairs if name.strip() == wanted]
    if len(found) > 1:
        raise UnauthenticatedError("two session cookies")
    return found[0] if found else ""


def _rds_answer(views: object, overrides: tuple[Override, ...]) -> Answer:
    """The dialect has no place for a doubt in its bodies: it is in a header."""
    doubt = ((b"burgee-stale", b"overrides"),) if overrides is UNREAD else ()
    return json_answer(200, encode(views), *doubt)
