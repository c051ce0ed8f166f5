"""The ASGI application as a function: events of gateways in, their answers out, through Mangum."""

import logging
from typing import Any

from mangum import Mangum
from starlette.types import ASGIApp, Scope

from burgee.model.limits import Limits
from burgee.surfaces.http.answer import Answer
from burgee.surfaces.http.gateway import problem, refusal
from burgee.surfaces.lambda_answers import AnswerTooLongError, write_answer
from burgee.surfaces.lambda_events import HttpRequest, NoRequestError, kind_of, prefix_of, read_event

_log = logging.getLogger("burgee.function")

# Its lines hold addresses, and those can hold secrets.
logging.getLogger("mangum").setLevel(logging.WARNING)

_REQUEST = "request"

BASE_PATH = "burgee.base_path"
"""The key in the ASGI scope under which stands what the addresses in our pages begin with."""

_OF_AN_ORIGIN = 2
"""So many slashes has an address without a path."""


class HttpFunction:
    """Answers events by `app`; whatever happens, the answer is one that a gateway can pass on."""

    def __init__(self, app: ASGIApp, *, limits: Limits, public_url: str = "") -> None:
        # Mangum runs the application; what an event and an answer look like is read and written here, since
        # its own readers decode paths twice and believe what a client says about its address.
        self._run = Mangum(app, lifespan="off", custom_handlers=[_ReadRequest])
        self._limits = limits
        # An application that was told its address says it whole; a gateway's part would come twice.
        self._is_whole = public_url.count("/") > _OF_AN_ORIGIN

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """The answer to the HTTP request in `event`; never raises an Exception."""
        try:
            request = read_event(event)
        except NoRequestError as error:
            return problem_for(event, 400, str(error))
        if self._is_whole:
            request = request._replace(prefix="")
        if refused := refusal(request, self._limits):
            return _written(request, refused)
        try:
            answer: dict[str, Any] = self._run({_REQUEST: request}, context)
        except AnswerTooLongError:
            words = "the answer is too long for a function; ask for less at once"
            return _written(request, problem(413, words))
        except Exception:
            _log.exception("request.failed")
            return _written(request, problem(500, "an error of ours"))
        return answer


def problem_for(event: object, status: int, words: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """A problem document as the answer to `event`."""
    answer = problem(status, words, *headers)
    return write_answer(kind_of(event), status, answer.headers, answer.body, prefix=prefix_of(event))


def scope_of(request: HttpRequest) -> Scope:
    """The ASGI scope of `request`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.encode(),
        "root_path": "",
        "query_string": request.query,
        "headers": request.fields,
        "client": (request.client, 0) if request.client else None,
        "server": None,
        BASE_PATH: request.prefix,
    }


def _written(request: HttpRequest, answer: Answer) -> dict[str, Any]:
    return write_answer(request.kind, answer.status, answer.headers, answer.body, prefix=request.prefix)


class _ReadRequest:
    """What Mangum asks about an event: it was read before it came here."""

    def __init__(self, event: dict[str, Any], context: object, _: object) -> None:
        self._request: HttpRequest = event[_REQUEST]
        self.scope: Scope = {**scope_of(self._request), "aws.context": context}
        self.body = self._request.body

    @classmethod
    def infer(cls, *_: object) -> bool:
        """Every event is ours."""
        return True

    def __call__(self, response: dict[str, Any]) -> dict[str, Any]:
        """The answer of the application in the sender's form. Raises AnswerTooLongError."""
        status, body = int(response["status"]), bytes(response["body"])
        headers = tuple([(bytes(name), bytes(value)) for name, value in response["headers"]])
        if status == 500 and (b"content-type", b"text/plain; charset=utf-8") in headers:
            return _written(self._request, problem(500, "an error of ours"))  # Mangum's own words
        return _written(self._request, Answer(status, headers, body))
