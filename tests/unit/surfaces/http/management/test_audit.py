"""The audit log over HTTP."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

BOOLEAN = {"variants": {"on": True}, "defaultVariant": "on"}


@pytest.fixture
def busy(admin: TestClient) -> TestClient:
    """A client in whose server three flags were made."""
    for path in ("/api/v1/flags/one", "/api/v1/flags/two", "/api/v1/flag-sets/shop/flags/one"):
        assert admin.put(path, json=BOOLEAN, headers={"x-request-id": "req-1"}).status_code == 201
    return admin


def test_events_say_who_what_and_in_which_request(busy: TestClient) -> None:
    items = busy.get("/api/v1/audit", params={"action": "flag.created"}).json()["items"]
    assert [(event["flagSet"], event["flagKey"]) for event in items] == [
        ("shop", "one"),
        ("default", "two"),
        ("default", "one"),
    ]
    assert {event["actor"] for event in items} == {"admin@example.com"}
    assert {event["requestId"] for event in items} == {"req-1"}


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"flagSet": "shop"}, 1),
        ({"key": "one"}, 2),
        ({"actor": "nobody"}, 0),
        ({"since": "99999999999"}, 0),
        ({"until": "1.5"}, 0),
        ({"since": "0", "until": "99999999999"}, 3),
    ],
)
def test_events_are_filtered(busy: TestClient, params: dict[str, str], count: int) -> None:
    items = busy.get("/api/v1/audit", params=params | {"action": "flag.created"}).json()["items"]
    assert len(items) == count


def test_events_are_paged_without_gaps(busy: TestClient) -> None:
    everything = [event["sequence"] for event in busy.get("/api/v1/audit").json()["items"]]
    assert everything == sorted(everything, reverse=True)
    seen, params = [], {"limit": "2"}
    for _ in range(len(everything)):
        page = busy.get("/api/v1/audit", params=params).json()
        seen += [event["sequence"] for event in page["items"]]
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]
    assert seen == everything


@pytest.mark.parametrize("params", [{"since": "x"}, {"until": "1e5"}, {"action": "A B"}, {"since": "-1"}])
def test_filters_that_cannot_be_are_400(busy: TestClient, params: dict[str, str]) -> None:
    assert busy.get("/api/v1/audit", params=params).status_code == 400


def test_the_chain_is_verified(busy: TestClient) -> None:
    body = busy.get("/api/v1/audit/verify").json()
    assert body["ok"] is True
    assert body["firstBroken"] is None
    assert body["checked"] >= 3


def test_a_bound_token_sees_events_of_its_sets(busy: TestClient, as_role: Callable[..., TestClient]) -> None:
    bound = as_role("reader", "shop")
    assert {event["flagSet"] for event in bound.get("/api/v1/audit").json()["items"]} == {"shop"}
    assert bound.get("/api/v1/audit", params={"flagSet": "default"}).status_code == 403
    assert bound.get("/api/v1/audit/verify").status_code == 403
