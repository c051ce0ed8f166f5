"""Who may do what: every route by every kind of caller, against a table that is checked in."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from burgee.service.access import Role
from burgee.service.services import Services
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS
from burgee.surfaces.http.streams import StreamHub
from burgee.testing.role_matrix import (
    ANONYMOUS,
    CALLERS,
    EVALUATION,
    GuardedRoute,
    concrete,
    role_matrix,
    routes,
)

MATRIX = Path(__file__).with_name("role_matrix.txt")
REGENERATE = (
    "who may do what has changed; if that is meant, run\n"
    "  PYTHONPATH=src python -m burgee.testing.role_matrix > tests/unit/surfaces/http/role_matrix.txt\n"
    "and have every changed line reviewed"
)
PERMITTED = [operation for operation in OPERATIONS if operation.permission is not None]
CheckedIn = dict[tuple[str, str], dict[str, str]]


def checked_in() -> CheckedIn:
    """The decisions in the file, by method and path, then by caller."""
    header, *lines = [re.split(r" {2,}", line) for line in MATRIX.read_text().splitlines()]
    return {(line[0], line[1]): dict(zip(header[2:], line[2:], strict=True)) for line in lines}


@pytest.fixture
def guarded(services: Services) -> Callable[[str], TestClient]:
    """A client of that role, or nobody, on a server whose evaluation asks for a token."""
    counters = Counters(SharedCounters.create(1), 0)
    ofrep = Ofrep(services.live, services.access, counters, open_to_all=False)
    hub = StreamHub(ofrep, counters, dice=lambda: 0.5)
    app = build_app(services, evaluation_routes=[*ofrep_routes(ofrep), *stream_routes(ofrep, hub)])

    def make(caller: str) -> TestClient:
        headers = {"authorization": f"Bearer {the_token(services, caller)}"} if caller != ANONYMOUS else {}
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return make


def the_token(services: Services, caller: str) -> str:
    return services.access.issue_token(f"{caller}@example.com", Role(caller), 600)


def decided(client: TestClient, route: GuardedRoute, caller: str, *, method: str = "") -> str:
    """What the server really says: `yes` where the request got past the decision, whatever came of it."""
    own = f"{caller}@example.com"
    path = concrete(route.path, {"flagSet": "default", "keyId": "0" * 16, "userId": own, "targetingKey": own})
    payload = next((o.payload for o in OPERATIONS if (o.method, o.path) == route[:2]), None)
    headers = {"content-type": payload.media_types[0]} if payload else {}
    if route in EVALUATION and route.method == "GET":
        method = "HEAD"  # a stream has no end
    response = client.request(
        method or route.method, path, content=b"{}" if payload else None, headers=headers
    )
    assert response.status_code < 500
    if route.path == "/sign-in" and route.method == "POST" and response.status_code == 401:
        return "yes"  # an empty form holds no code, and that is all that is wrong
    return {401: "401", 403: "403"}.get(response.status_code, "yes")


def test_item_21_the_route_table_decides_what_is_checked_in() -> None:
    assert role_matrix() == MATRIX.read_text(), REGENERATE


def test_the_matrix_holds_every_route_and_six_callers() -> None:
    matrix = checked_in()
    assert set(matrix) >= {(operation.method, operation.path) for operation in OPERATIONS}
    assert {len(row) for row in matrix.values()} == {6}
    assert CALLERS == ("anonymous", "reader", "editor", "admin", "sdk-server", "sdk-client")


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_item_21_the_server_decides_what_is_checked_in(
    route: GuardedRoute, guarded: Callable[[str], TestClient]
) -> None:
    expected = checked_in()[route.method, route.path]
    got = {caller: decided(guarded(caller), route, caller) for caller in CALLERS}
    assert got == expected, REGENERATE


@pytest.mark.parametrize(
    "route", [each for each in routes() if each.method == "GET"], ids=lambda route: route.path
)
def test_head_is_decided_like_get(route: GuardedRoute, guarded: Callable[[str], TestClient]) -> None:
    expected = checked_in()["GET", route.path]
    got = {caller: decided(guarded(caller), route, caller, method="HEAD") for caller in CALLERS}
    assert got == expected


def test_nothing_that_changes_anything_is_open_but_signing_in_and_out() -> None:
    open_routes = {route.path for route in routes() if route.permission is None and route.method != "GET"}
    assert open_routes == {"/sign-in", "/sign-out"}


@pytest.mark.parametrize("operation", PERMITTED, ids=lambda operation: operation.name)
def test_a_route_without_a_permission_is_written_down_as_open(operation: Operation) -> None:
    assert checked_in()[operation.method, operation.path][ANONYMOUS] == "401"
