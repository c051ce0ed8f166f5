"""Addresses in pages and in Location, where Burgee does not stand at the root of its host."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette

pytest.importorskip("mangum")

from burgee.bootstrap import open_application
from burgee.settings import MEMORY, Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.function import HttpFunction
from burgee.testing.aws.front_events import Request, event_of

pytestmark = pytest.mark.aws

ADDRESSES = re.compile(r'(?:href|src|action)="(/[^"]*)"')

OURS = ("/docs/style.css", "/docs/try.js", "/openapi.json", "/sign-in", "/sign-out")


@pytest.fixture(scope="module")
def services() -> Iterator[Any]:
    with open_application(Settings(data=MEMORY), threads=False) as opened:
        yield opened


def asked(services: Any, kind: str, path: str, *, method: str = "GET", stage: str = "", url: str = "") -> Any:
    app: Starlette = build_app(services, public_url=url)
    function = HttpFunction(app, limits=services.limits, public_url=url)
    answer = function(
        event_of(kind, Request(method, path, "", [("Host", "x.example")], b""), stage=stage), None
    )
    headers = answer.get("headers") or {name: each[0] for name, each in answer["multiValueHeaders"].items()}
    return answer["statusCode"], headers, answer["body"]


@pytest.mark.parametrize(
    ("kind", "stage", "url", "base"),
    [
        ("rest", "", "", ""),
        ("rest", "prod", "", "/prod"),
        ("http", "prod", "", "/prod"),
        ("balancer", "", "", ""),
        ("url", "", "", ""),
        # What the operator says counts for what the event says.
        ("rest", "prod", "https://flags.example.com", "/prod"),
        ("rest", "prod", "https://flags.example.com/f", "/f"),
        ("http", "", "https://flags.example.com/f/g", "/f/g"),
        ("balancer", "", "https://flags.example.com/f", "/f"),
    ],
)
def test_every_address_begins_with_what_stands_before_our_paths(
    services: Any, kind: str, stage: str, url: str, base: str
) -> None:
    for path in ("/docs", "/sign-in"):
        status, _, page = asked(services, kind, path, stage=stage, url=url)
        assert status == 200
        found = ADDRESSES.findall(page)
        assert found
        assert set(found) <= {base + ours for ours in OURS}
    status, headers, _ = asked(services, kind, "/sign-out", method="POST", stage=stage, url=url)
    assert (status, headers["location"]) == (303, f"{base}/docs")
