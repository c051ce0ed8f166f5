"""Problem documents: every error class has its status, and none says too much."""

import inspect
import json
from pathlib import Path

import pytest

from burgee import errors
from burgee.errors import (
    BurgeeError,
    Fault,
    InvalidInputError,
    KeyReservedError,
    LimitExceededError,
    MalformedError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
)
from burgee.surfaces.http.parameters import InvalidRequestError, Place
from burgee.surfaces.http.problems import (
    INTERNAL,
    KINDS,
    BodyTooLargeError,
    MethodNotAllowedError,
    PreconditionFailedError,
    kind_of,
    problem_answer,
)

# What stops a server from starting is never raised while one answers.
AT_START = {errors.StoreRefusedError, errors.ConfigurationError, BurgeeError}


def test_every_error_of_the_family_has_a_status_below_500_or_means_try_later() -> None:
    family = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, BurgeeError)]
    for error in set(family) - AT_START:
        kind = next(KINDS[base] for base in error.__mro__ if base in KINDS)
        assert kind.status < 500 or issubclass(error, UnavailableError), error


def test_slugs_are_unique() -> None:
    slugs = [kind.slug for kind in (*KINDS.values(), INTERNAL)]
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedError("bad-json", "no"), 400),
        (LimitExceededError("/x", "too-deep", "no"), 400),
        (BodyTooLargeError(5), 413),
        (MethodNotAllowedError(("GET",)), 405),
        (PreconditionFailedError("no", current_version=3), 412),
        (VersionConflictError("no", current=3), 409),
        (KeyReservedError("no", until=5), 409),
        (UnauthenticatedError("why"), 401),
        (UnavailableError("/path", retry_after=2.1), 503),
        (RuntimeError("secret"), 500),
        (KeyError("secret"), 500),
    ],
)
def test_errors_become_statuses(error: Exception, status: int) -> None:
    answer = problem_answer(error, request_id="r")
    body = json.loads(answer.body)
    assert (answer.status, body["status"], body["requestId"]) == (status, status, "r")
    assert answer.header("content-type") == "application/problem+json"
    assert body["type"] == f"/docs#problem-{kind_of(error).slug}"
    assert "secret" not in str(body)


def test_members_of_their_own() -> None:
    assert problem_answer(MethodNotAllowedError(("GET", "PUT")), request_id="").header("allow") == "GET, PUT"
    assert problem_answer(UnavailableError("", retry_after=2.1), request_id="").header("retry-after") == "3"
    assert problem_answer(UnauthenticatedError("why"), request_id="").header("www-authenticate") == "Bearer"
    assert json.loads(problem_answer(KeyReservedError("", until=5), request_id="").body)["reservedUntil"] == 5
    failed = problem_answer(PreconditionFailedError("", current_version=3), request_id="")
    assert failed.header("etag") == '"3"'
    assert json.loads(failed.body)["diff"] == []


def test_why_a_token_failed_is_not_told() -> None:
    details = {
        json.loads(problem_answer(UnauthenticatedError(why), request_id="").body)["detail"] for why in "ab"
    }
    assert len(details) == 1


def test_faults_keep_pointer_code_and_place() -> None:
    body = json.loads(problem_answer(InvalidInputError([Fault("/a", "c", "d")]), request_id="").body)
    assert body["errors"] == [{"in": "body", "pointer": "/a", "code": "c", "detail": "d"}]
    error = InvalidRequestError([(Place.QUERY, Fault("/limit", "c", "d"))])
    assert json.loads(problem_answer(error, request_id="").body)["errors"][0]["in"] == "query"


def test_the_reference_lists_every_problem() -> None:
    page = (Path(__file__).parents[4] / "docs/reference/problems.md").read_text()
    for kind in (*KINDS.values(), INTERNAL):
        assert f"| {kind.status} | `{kind.slug}` |" in page
