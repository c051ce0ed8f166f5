"""Limits of what a gateway has parsed: just below, at, just above; and whose headers count."""

import pytest

from burgee.model.limits import DEFAULT_LIMITS as LIMITS
from burgee.surfaces.http.gateway import refusal
from burgee.surfaces.lambda_events import EventKind, HttpRequest


def status_of(
    path: str = "/", query: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, dict[bytes, bytes]]:
    request = HttpRequest(EventKind.REST, "GET", path, path, query, headers or [], b"")
    answer = refusal(request, LIMITS)
    return (answer.status, dict(answer.headers)) if answer is not None else (204, {})


@pytest.mark.parametrize(("more", "status"), [(-1, 204), (0, 204), (1, 414)])
def test_the_length_of_an_address_counts_path_question_mark_and_query(more: int, status: int) -> None:
    assert status_of("/" * 100, b"q" * (LIMITS.url_bytes - 101 + more))[0] == status


@pytest.mark.parametrize(("more", "status"), [(-1, 204), (0, 204), (1, 431)])
def test_the_number_of_fields(more: int, status: int) -> None:
    assert status_of(headers=[(b"a", b"b")] * (LIMITS.header_fields + more))[0] == status


@pytest.mark.parametrize(("more", "status"), [(-1, 204), (0, 204), (1, 431)])
def test_the_size_of_all_fields(more: int, status: int) -> None:
    headers = [(b"cookie", b"c" * (LIMITS.header_bytes - len(b"cookie") - 4 + more))]
    found, answered = status_of(headers=headers)
    assert found == status
    assert status == 204 or answered[b"content-type"] == b"application/problem+json"


@pytest.mark.parametrize(
    "name", [b"x-amzn-trace-id", b"x-forwarded-for", b"cloudfront-viewer-country", b"via"]
)
def test_what_a_gateway_adds_is_not_held_against_the_client(name: bytes) -> None:
    assert status_of(headers=[(name, b"v" * LIMITS.header_bytes)])[0] == 204


def test_two_hosts_are_refused() -> None:
    assert status_of(headers=[(b"host", b"a"), (b"host", b"b")])[0] == 400
