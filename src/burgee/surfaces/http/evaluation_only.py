"""All that evaluates, without a framework: OFREP, `GET /v1/flags` and the simple routes of the RDS dialect.

What the Lambda function of evaluation answers. OFREP is the very code that the server runs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from burgee.errors import ForbiddenError, InvalidInputError, TooManyRequestsError
from burgee.formats.strict_json import encode
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.applied_overrides import AppliedOverrides
from burgee.service.authentication import Authentication, Role
from burgee.service.catalogue import LiveCatalogue
from burgee.service.tally import Tally
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.ofrep import BULK_PATH, REFUSALS, SINGLE_PATH, Ofrep
from burgee.surfaces.http.ofrep_answers import stopped_answer
from burgee.surfaces.lambda_events import HttpRequest

if TYPE_CHECKING:
    from burgee.surfaces.http.rds_evaluation_only import RdsEvaluationOnly

RETRY_SECONDS = 1

_USERS = "/users/"
_DEFINITIONS = "/v1/flags"
_NOTHING = encode({"errorDetails": "there is nothing at this address"})


class EvaluationOnly:
    """Answers requests; `session_cookie` names the cookie that may carry a token, "" for none.

    `is_loaded` says whether there is anything to answer from, be it nothing. `spend` counts an evaluation of
    a caller that may evaluate: it raises TooManyRequestsError. `is_allowed` knows the origins whose pages
    may call, None where CORS is off.
    """

    def __init__(
        self,
        ofrep: Ofrep,
        live: LiveCatalogue,
        authentication: Authentication,
        overrides: AppliedOverrides,
        *,
        tally: Tally,
        is_loaded: Callable[[], bool],
        session_cookie: str = "",
        spend: Callable[[], None] | None = None,
        is_allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._ofrep, self._live, self._tally = ofrep, live, tally
        self._authentication, self._overrides = authentication, overrides
        self._is_loaded, self._session_cookie = is_loaded, session_cookie
        self._spend, self._is_allowed = spend, is_allowed
        self._definitions_kept: object = None
        self._rds_kept: RdsEvaluationOnly | None = None

    def answer(self, request: HttpRequest) -> Answer:
        """The answer to one request, whatever it is."""
        method, path, headers, body = request.method, request.path, request.headers, request.body
        asked = "GET" if method == "HEAD" else method
        if path.startswith(_USERS):
            return self._rds().answer(request)
        if path in (BULK_PATH, SINGLE_PATH) or path.startswith(SINGLE_PATH):
            allowed = "POST"
        elif path == _DEFINITIONS:
            allowed = "GET"
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
        if path == _DEFINITIONS:
            return self._definitions(headers)
        if self._spend is not None and (refused := self._refused(self._spend, headers)) is not None:
            return refused
        if path in (BULK_PATH, SINGLE_PATH):
            return self._ofrep.bulk(request.query, headers, body)
        return self._ofrep.single(path[len(SINGLE_PATH) :], headers, body)

    def _refused(self, spend: Callable[[], None], headers: dict[bytes, bytes]) -> Answer | None:
        """The refusal of an evaluation over its limit; who may not evaluate costs nothing of it."""
        if self._ofrep.stopped:
            return None
        try:
            self._ofrep.audience.scope(headers)
            spend()
        except TooManyRequestsError as error:
            from burgee.surfaces.http.limit_headers import limit_headers

            fields = [(name.encode(), value.encode()) for name, value in limit_headers(error)]
            return json_answer(429, encode({"errorDetails": str(error)}), *fields)
        except REFUSALS:
            pass  # what answers next says so
        return None

    def _definitions(self, headers: dict[bytes, bytes]) -> Answer:
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

    def _rds(self) -> "RdsEvaluationOnly":
        if self._rds_kept is None:
            from burgee.surfaces.http.rds_evaluation_only import RdsEvaluationOnly

            self._rds_kept = RdsEvaluationOnly(
                self._live,
                self._authentication,
                self._overrides,
                tally=self._tally,
                admit=self._spend if self._spend is not None else lambda: None,
                is_loaded=self._is_loaded,
                is_stopped=lambda: self._ofrep.stopped,
                session_cookie=self._session_cookie,
                is_allowed=self._is_allowed,
            )
        return self._rds_kept
