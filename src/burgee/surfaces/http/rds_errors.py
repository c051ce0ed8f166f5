"""Errors in the words of the RDS dialect: `{"message": ...}`, or plain text as the source wrote them."""

import msgspec

from burgee.errors import (
    BurgeeError,
    ForbiddenError,
    NoCredentialsError,
    UnauthenticatedError,
    UnidentifiedError,
)
from burgee.service.services import Services
from burgee.surfaces.http.exchange import JSON_TYPE, Answer
from burgee.surfaces.http.operation import JSON, ErrorForm
from burgee.surfaces.http.problems import kind_of, problem_answer

FAILURE = "Something went wrong, please try again."
"""All that a client hears of an error of ours."""

_OWN_HEADERS = ("content-type", "etag")


class RdsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    message: str


class RdsError(BurgeeError):
    """A refusal in the source's words; `old_status` is what the source answered, 0 where that is `status`."""

    def __init__(self, status: int, message: str, *, old_status: int = 0) -> None:
        self.status = status
        self.message = message
        self.old_status = old_status or status
        super().__init__(message)


def _as_json(error: Exception, request_id: str) -> Answer:
    status, message = _words(error)
    if isinstance(error, RdsError):
        status = error.status
    body = msgspec.json.encode(RdsMessage(message=message))
    return Answer(status=status, body=body, headers=(JSON_TYPE, *_headers(error, request_id)))


def _as_text(error: Exception, request_id: str) -> Answer:
    status, message = _words(error)
    # The source called its plain text JSON.
    headers = (("content-type", JSON), *_headers(error, request_id))
    return Answer(status=status, body=message.encode(), headers=headers)


def _words(error: Exception) -> tuple[int, str]:
    """The source's status and words."""
    match error:
        case RdsError():
            return error.old_status, error.message
        case NoCredentialsError():
            return 401, "Unauthenticated"
        case UnidentifiedError():
            return 401, "Unauthorized"
        case UnauthenticatedError():
            return 401, "Invalid token"
        case ForbiddenError():
            return 403, "Insufficient permissions"
        case _:
            kind = kind_of(error)
            return (500, FAILURE) if kind.status >= 500 else (kind.status, kind.detail or str(error))


def _headers(error: Exception, request_id: str) -> tuple[tuple[str, str], ...]:
    """What stands beside the body as everywhere: Retry-After, Allow, WWW-Authenticate."""
    problem = problem_answer(error, request_id=request_id)
    return tuple(pair for pair in problem.headers if pair[0] not in _OWN_HEADERS)


def _of(services: Services) -> ErrorForm:
    return _TEXT if services.rds_strict_compat else _JSON


_JSON = ErrorForm(schema=RdsMessage, answer=_as_json)
_TEXT = ErrorForm(schema=RdsMessage, answer=_as_text)

RDS = ErrorForm(schema=RdsMessage, answer=_as_json, of=_of)
"""The errors of every operation of this surface."""
