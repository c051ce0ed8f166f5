"""Errors in the words of the RDS dialect: `{"message": ...}`, or plain text as the source wrote them."""

import msgspec
from starlette.datastructures import Headers

from burgee.errors import (
    BurgeeError,
    ForbiddenError,
    NoCredentialsError,
    OriginRefusedError,
    PartlyDoneError,
    UnauthenticatedError,
    UnidentifiedError,
)
from burgee.service.services import Services
from burgee.surfaces.http.exchange import JSON_TYPE, Answer
from burgee.surfaces.http.operation import JSON, Dialect
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


def error_answer(error: Exception, services: Services, headers: Headers) -> Answer:
    """The answer for `error`: JSON, or with the old answers the source's plain text, which it called JSON."""
    status, message = _words(error, headers)
    if services.rds_strict_compat:
        return Answer(status=status, body=message.encode(), headers=(("content-type", JSON), *_beside(error)))
    if isinstance(error, RdsError):
        status = error.status
    body = msgspec.json.encode(RdsMessage(message=message))
    return Answer(status=status, body=body, headers=(JSON_TYPE, *_beside(error)))


def _words(error: Exception, headers: Headers) -> tuple[int, str]:
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
        case PartlyDoneError():
            return 500, str(error)
        case OriginRefusedError() if "origin" in headers:
            return 403, "CORS policy does not allow access from this origin."
        case OriginRefusedError():
            return 403, "CORS policy: No origin header found."
        case ForbiddenError():
            return 403, "Insufficient permissions"
        case _:
            kind = kind_of(error)
            return (500, FAILURE) if kind.status >= 500 else (kind.status, kind.detail or str(error))


def _beside(error: Exception) -> tuple[tuple[str, str], ...]:
    """The headers that stand beside the body everywhere: Retry-After, Allow, WWW-Authenticate."""
    problem = problem_answer(error, request_id="")
    return tuple(pair for pair in problem.headers if pair[0] not in _OWN_HEADERS)


RDS = Dialect(error_answer=error_answer, error_schema=RdsMessage)
"""The dialect of every operation of this surface."""
