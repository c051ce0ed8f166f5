"""Errors as RFC 9457 problem documents: one table, error class -> status."""

import math

import msgspec

from burgee.errors import (
    AlreadyExistsError,
    BurgeeError,
    ConflictError,
    Fault,
    ForbiddenError,
    IdempotencyReuseError,
    InvalidInputError,
    KeyReservedError,
    KeysUnavailableError,
    NotFoundError,
    PartlyDoneError,
    ReadOnlyError,
    StoreFullError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
)
from burgee.model.json import JsonValue
from burgee.surfaces.http.exchange import Answer
from burgee.surfaces.http.limit_headers import limit_headers
from burgee.surfaces.http.parameters import InvalidRequestError, Place

TYPE_PREFIX = "/docs#problem-"
"""A problem type is a place on our own documentation page."""


class BodyTooLargeError(InvalidInputError):
    """A request body over its ceiling, counted as it streams in."""

    def __init__(self, limit: int) -> None:
        super().__init__([Fault("", "body-too-large", f"the body is larger than {limit} bytes")])


class UnsupportedMediaTypeError(InvalidInputError):
    """A body whose Content-Type the operation does not read."""


class MethodNotAllowedError(BurgeeError):
    """A method that the path does not have; `allowed` are those that it has."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"this path answers {', '.join(allowed)}")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place where versions differ; a side that has nothing there leaves its member out.

    `before` is the version that the writer read, `yours` what it sent, `current` what is stored now.
    """

    pointer: str
    before: JsonValue | msgspec.UnsetType = msgspec.UNSET
    yours: JsonValue | msgspec.UnsetType = msgspec.UNSET
    current: JsonValue | msgspec.UnsetType = msgspec.UNSET


class PreconditionFailedError(ConflictError):
    """If-Match or If-None-Match does not hold; `current_version` is 0 where nothing is stored."""

    def __init__(self, message: str, *, current_version: int, diff: tuple[Difference, ...] = ()) -> None:
        self.current_version = current_version
        self.diff = diff
        super().__init__(message)


class Kind(msgspec.Struct, frozen=True):
    """How one error class is answered; `detail` replaces the error's own text where that tells too much."""

    status: int
    slug: str
    title: str
    detail: str = ""


KINDS: dict[type[BurgeeError], Kind] = {
    BodyTooLargeError: Kind(413, "body-too-large", "The body is too large"),
    UnsupportedMediaTypeError: Kind(415, "unsupported-media-type", "The media type is not supported"),
    InvalidInputError: Kind(400, "invalid-input", "What was sent cannot be accepted"),
    UnauthenticatedError: Kind(
        401, "unauthenticated", "Not signed in", "Send a valid Bearer token, or sign in with a one-time link."
    ),
    ForbiddenError: Kind(403, "forbidden", "Not allowed"),
    NotFoundError: Kind(404, "not-found", "Not found"),
    MethodNotAllowedError: Kind(405, "method-not-allowed", "The method is not allowed here"),
    PreconditionFailedError: Kind(412, "precondition-failed", "Somebody else was faster"),
    VersionConflictError: Kind(409, "version-conflict", "Changed by somebody else meanwhile"),
    AlreadyExistsError: Kind(409, "already-exists", "It exists already"),
    KeyReservedError: Kind(409, "key-reserved", "The key of a deleted flag is still reserved"),
    ConflictError: Kind(409, "conflict", "Not possible in the present state"),
    IdempotencyReuseError: Kind(422, "idempotency-key-reused", "The key was used for another request"),
    TooManyRequestsError: Kind(429, "too-many-requests", "Too many requests"),
    ReadOnlyError: Kind(
        503, "read-only", "Writes are refused until an operator acts", "The store is read-only."
    ),
    StoreFullError: Kind(507, "store-full", "No room is left for a write", "The store is full."),
    PartlyDoneError: Kind(503, "partly-done", "Some functions kept their concurrency"),
    KeysUnavailableError: Kind(
        503, "keys-unavailable", "The token cannot be judged now", "The keys of its issuer are being fetched."
    ),
    UnavailableError: Kind(503, "unavailable", "Try again later", "The store cannot answer now."),
}
"""The most specific class of an error decides. Anything else is 500."""

INTERNAL = Kind(500, "internal", "An error of ours", "The error was recorded; quote the request id.")


class FaultView(msgspec.Struct, frozen=True, kw_only=True, rename={"place": "in"}):
    """One fault: `in` is body, query, path or header; `pointer` a JSON pointer into that."""

    place: Place
    pointer: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An RFC 9457 problem document with the members that Burgee adds."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[FaultView, ...] = ()
    current_version: int | None = None
    diff: tuple[Difference, ...] | None = None
    reserved_until: float | None = None


def kind_of(error: Exception) -> Kind:
    """The row of the table that answers `error`."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), INTERNAL)


def problem_answer(error: Exception, *, request_id: str) -> Answer:
    """The answer for `error`; an error that is not one of ours tells nothing about itself."""
    kind = kind_of(error)
    problem = Problem(
        type=TYPE_PREFIX + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=kind.detail or str(error),
        request_id=request_id,
        errors=_faults(error),
    )
    headers = [("content-type", "application/problem+json")]
    match error:
        case PreconditionFailedError():
            problem = msgspec.structs.replace(problem, current_version=error.current_version, diff=error.diff)
            if error.current_version:
                headers.append(("etag", f'"{error.current_version}"'))
        case VersionConflictError():
            problem = msgspec.structs.replace(problem, current_version=error.current)
        case KeyReservedError():
            problem = msgspec.structs.replace(problem, reserved_until=error.until)
        case MethodNotAllowedError():
            headers.append(("allow", ", ".join(error.allowed)))
        case UnauthenticatedError():
            headers.append(("www-authenticate", "Bearer"))
        case TooManyRequestsError():
            headers.extend(limit_headers(error))
        case UnavailableError():
            headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
        case _:
            pass
    return Answer(status=kind.status, body=msgspec.json.encode(problem), headers=tuple(headers))


def _faults(error: Exception) -> tuple[FaultView, ...]:
    if not isinstance(error, InvalidInputError):
        return ()
    places = error.places if isinstance(error, InvalidRequestError) else (Place.BODY,) * len(error.faults)
    return tuple(
        FaultView(place=place, pointer=fault.pointer, code=fault.code, detail=fault.message)
        for place, fault in zip(places, error.faults, strict=True)
    )
