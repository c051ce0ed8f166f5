"""Preflights that are answered by the origin alone."""

import json
from typing import Any

import pytest

from burgee.surfaces.http.cors import ALLOWED_HEADERS, METHODS, NO_CORS, Cors
from burgee.surfaces.http.preflights import preflight_answer
from burgee.testing.aws.front_events import KINDS, Request, event_of

CORS = Cors.from_text(r"https://app.example.com,regex:https://([a-z0-9-]+\.)*example\.org")


def answer(
    kind: str, *origins: str, cors: Cors = CORS, method: str = "OPTIONS"
) -> tuple[dict[str, Any], dict[str, str]]:
    pairs = [("Host", "x.example"), *(("Origin", origin) for origin in origins)]
    event = event_of(kind, Request(method, "/any/path", "", pairs, b""), stage="prod")
    found = preflight_answer(event, cors)
    assert found is not None
    headers = found.get("headers") or {name: each[0] for name, each in found["multiValueHeaders"].items()}
    return found, headers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", ["https://app.example.com", "https://a.b.example.org"])
def test_an_allowed_origin_is_told_what_it_may(kind: str, origin: str) -> None:
    found, headers = answer(kind, origin)
    assert (found["statusCode"], found["body"]) == (200, "")
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-methods"] == METHODS
    assert headers["access-control-allow-headers"] == ALLOWED_HEADERS
    assert headers["access-control-max-age"] == "600"
    assert headers["vary"] == "origin"


@pytest.mark.parametrize(
    ("origins", "cors"),
    [
        (["https://app.example.com.evil.com"], CORS),
        (["https://App.example.com"], CORS),
        (["null"], CORS),
        ([""], CORS),
        ([], CORS),
        (["https://app.example.com"], NO_CORS),
    ],
)
def test_every_other_origin_is_refused_and_given_nothing(origins: list[str], cors: Cors) -> None:
    found, headers = answer("rest", *origins, cors=cors)
    assert found["statusCode"] == 403
    assert json.loads(found["body"])["status"] == 403
    assert [name for name in headers if name.startswith("access-control-")] == []
    assert headers.get("vary") == ("origin" if cors.is_on else None)


def test_two_origins_are_none() -> None:
    found, _ = answer("rest", "https://app.example.com", "https://app.example.com")
    assert found["statusCode"] == 403


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_other_methods_go_their_way(method: str) -> None:
    event = event_of("rest", Request(method, "/", "", [("Origin", "https://app.example.com")], b""))
    assert preflight_answer(event, CORS) is None
