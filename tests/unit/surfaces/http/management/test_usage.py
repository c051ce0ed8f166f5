"""Usage over the API, from real evaluations over a real socket."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.errors import UnavailableError
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.testing.flag_fixtures import publish_samples
from burgee.testing.listening import listening

DAY = 86_400
NOW = [1_800_000_000.0]
Api = Callable[..., dict[str, object]]


@pytest.fixture
def services() -> Iterator[Services]:
    NOW[0] = 1_800_000_000.0
    with open_application(Settings(data=":memory:"), clock=lambda: NOW[0]) as services:
        publish_samples(services)
        yield services


@pytest.fixture
def client(services: Services) -> TestClient:
    token = services.access.issue_token("ada", Role.READER, 366 * DAY)
    return TestClient(
        build_app(services), headers={"authorization": f"Bearer {token}"}, raise_server_exceptions=False
    )


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def evaluate(services: Services, request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    with listening(services, inline=bool(request.param)) as server, httpx.Client() as http:

        def post(*keys: str, times: int = 1, context: dict[str, str] | None = None) -> None:
            for path in [f"/{key}" for key in keys] or [""]:
                for _ in range(times):
                    http.post(f"{server.url}/ofrep/v1/evaluate/flags{path}", json={"context": context or {}})
            services.usage.flush()

        yield post


def last(client: TestClient, key: str) -> object:
    items = client.get("/api/v1/flags", params={"limit": 1000}).json()["items"]
    return next(item["lastEvaluatedAt"] for item in items if item["key"] == key)


def test_every_single_evaluation_is_counted_once(client: TestClient, evaluate: Callable[..., None]) -> None:
    evaluate("text", times=7)
    usage = client.get("/api/v1/flags/text/usage").json()
    assert usage["total"] == 7
    assert usage["lastEvaluatedAt"] == NOW[0]
    (item,) = usage["items"]
    assert (item["reason"], item["count"], item["hour"]) == ("STATIC", 7, 1_800_000_000 // 3600 * 3600)
    assert item["variant"] is not None
    assert client.get("/api/v1/flag-sets/default/flags/text/usage").json() == usage


def test_a_bulk_evaluation_counts_each_flag_once(client: TestClient, evaluate: Callable[..., None]) -> None:
    evaluate(times=3)
    for key in ("text", "disabled", "targeted"):
        assert client.get(f"/api/v1/flags/{key}/usage").json()["total"] == 3, key


def test_a_disabled_flag_has_no_variant(client: TestClient, evaluate: Callable[..., None]) -> None:
    evaluate("disabled")
    (item,) = client.get("/api/v1/flags/disabled/usage").json()["items"]
    assert (item["variant"], item["reason"]) == (None, "DISABLED")


def test_keys_that_nobody_made_are_not_counted(
    client: TestClient, services: Services, evaluate: Callable[..., None]
) -> None:
    evaluate(*[f"made-up-{number}" for number in range(20)])
    assert services.usage.tally.take() == {}
    assert services.usage.last_evaluated("default", "made-up-1") is None
    assert client.get("/api/v1/flags/made-up-1/usage").status_code == 404


def test_counting_goes_on_after_a_publish(
    client: TestClient, services: Services, evaluate: Callable[..., None]
) -> None:
    evaluate("text", times=2)
    publish_samples(services)
    evaluate("text", times=3)
    assert client.get("/api/v1/flags/text/usage").json()["total"] == 5


def test_the_list_says_when_each_flag_was_last_evaluated(
    client: TestClient, evaluate: Callable[..., None]
) -> None:
    assert last(client, "text") is None
    NOW[0] += 100
    evaluate("text")
    assert (last(client, "text"), last(client, "targeted")) == (NOW[0], None)


@pytest.mark.parametrize(("later", "stale"), [(-0.5, False), (0, False), (0.5, True)])
def test_a_flag_is_stale_once_neither_used_nor_changed_for_that_long(
    client: TestClient, evaluate: Callable[..., None], later: float, stale: bool
) -> None:
    NOW[0] += DAY
    evaluate("text")
    NOW[0] += 10 * DAY + later
    keys = {item["key"] for item in client.get("/api/v1/flags", params={"staleDays": 10}).json()["items"]}
    assert ("text" in keys) is stale
    assert "targeted" in keys  # changed a day before


@pytest.mark.parametrize("days", ["0", "3651", "x", "1.5"])
def test_days_out_of_bounds_are_refused(client: TestClient, days: str) -> None:
    assert client.get("/api/v1/flags", params={"staleDays": days}).status_code == 400


def test_a_listed_flag_can_be_sent_back(services: Services, client: TestClient) -> None:
    token = services.access.issue_token("ada", Role.EDITOR, DAY)
    item = next(i for i in client.get("/api/v1/flags").json()["items"] if i["key"] == "text")
    answer = client.put("/api/v1/flags/text", json=item, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text


def test_a_list_does_not_fail_for_its_statistics_but_staleness_is_not_guessed(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> dict[tuple[str, str], float]:
        raise UnavailableError("away")

    monkeypatch.setattr(services.usage, "last_evaluations", away)
    assert last(client, "text") is None
    assert client.get("/api/v1/flags", params={"staleDays": 1}).status_code == 503
