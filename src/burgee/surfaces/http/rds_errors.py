"""Errors in the words of the RDS dialect: `{"message": ...}`, or plain text as the source wrote them."""

import msgspec
from starlette.datastructures import Headers

from burgee.errors import BurgeeError, ForbiddenError, UnauthenticatedError, UnidentifiedError
from burgee.service.services import Services
from burgee.surfaces.http.authentication import read_credentials
from burgee.surfaces.http.exchange import JSON_TYPE, Answer
from burgee.surfaces.http.operation import JSON, Dialect
from burgee.surfaces.http.problems import kind_of, problem_answer

FAILURE = "Something went wrong, please try again."
"""All that a client hears of an error of ours."""

_encode = msgspec.json.Encoder().encode


class RdsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    message: str


class RdsError(BurgeeError):
    """A refusal in the source's words; `strict_status` is what the source answered where that differs."""

    def __init__(self, status: int, message: str, *, strict_status: int | None = None) -> None:
        self.status = status
        self.message = message
        self.strict_status = strict_status if strict_status is not None else status
        super().__init__(message)


def error_answer(error: Exception, services: Services, headers: Headers) -> Answer:
    """The answer for `error`; the source labelled even its plain text as JSON."""
    status, message = _words(error, is_strict=services.rds_strict, headers=headers)
    problem = problem_answer(error, request_id="")
    kept = [pair for pair in problem.headers if pair[0] not in ("content-type", "etag")]
    if services.rds_strict:
        return Answer(status=status, body=message.encode(), headers=(("content-type", JSON), *kept))
    return Answer(status=status, body=_encode(RdsMessage(message=message)), headers=(JSON_TYPE, *kept))


def _words(error: Exception, *, is_strict: bool, headers: Headers) -> tuple[int, str]:
    match error:
        case RdsError():
            return error.strict_status if is_strict else error.status, error.message
        case UnidentifiedError():
            return 401, "Unauthorized"
        case UnauthenticatedError():
            return 401, "Invalid token" if _has_credentials(headers) else "Unauthenticated"
        case ForbiddenError():
            return 403, "Insufficient permissions"
        case _:
            kind = kind_of(error)
            if kind.status >= 500:
                return 500, FAILURE
            return kind.status, kind.detail or str(error)


def _has_credentials(headers: Headers) -> bool:
    try:
        return read_credentials(headers) is not None
    except UnauthenticatedError:
        return True


RDS = Dialect(error_answer=error_answer, error_schema=RdsMessage)
"""The dialect of every operation of this surface."""
