"""Which calls cost the budget, what a refusal says, and what a stop stops."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.errors import TooManyRequestsError
from burgee.model.budget import BudgetMode, BudgetScope, BudgetWindow
from burgee.service.access import Role
from burgee.service.meter import Meter
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.limit_headers import limit_headers
from burgee.surfaces.http.metering import address_of, evaluation_gate
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes, stream_routes
from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS
from burgee.surfaces.http.streams import StreamHub
from burgee.testing.listening import listening
from burgee.testing.unreliable_budgets import UnreliableBudgetStore
from burgee.testing.workshop import ADA, HandClock

SINGLE = "/ofrep/v1/evaluate/flags/banner"


class Site:
    """An application with limits, evaluation included, and a client for each kind of caller."""

    def __init__(self, services: Services, *, open_to_all: bool = True) -> None:
        self.services = services
        self.ofrep = Ofrep(
            services.live,
            services.access,
            Counters(SharedCounters.create(1), 0),
            open_to_all=open_to_all,
        )
        services.budget.on_stop(self.ofrep.stop)
        limited = services.budget.evaluation
        gate = evaluation_gate(limited, self.ofrep) if limited else None
        hub = StreamHub(self.ofrep, self.ofrep.counters, dice=lambda: 0.5)
        routes = [*ofrep_routes(self.ofrep, gate=gate), *stream_routes(self.ofrep, hub)]
        self.app = build_app(services, evaluation_routes=routes)
        self.nobody = self.client()
        self.admin = self.client(self.token("admin"))
        answer = self.admin.put(
            "/api/v1/flags/banner", json={"variants": {"on": True}, "defaultVariant": "on"}
        )
        assert answer.status_code == 201

    def token(self, role: str, subject: str = "") -> str:
        return self.services.access.issue_token(subject or role, Role(role), 600)

    def client(self, token: str = "", address: str = "192.0.2.1") -> TestClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return TestClient(
            self.app,
            headers=headers,
            raise_server_exceptions=False,
            follow_redirects=False,
            client=(address, 5),
        )

    @property
    def remaining(self) -> int:
        return self.services.budget.state().remaining

    def leave(self, calls: int) -> None:
        self.services.budget.reset(calls, author=ADA)

    def used_up(self) -> None:
        self.leave(1)
        assert self.admin.get("/api/v1/flags").status_code == 200

    def stop(self, scope: BudgetScope) -> None:
        self.services.budget.force(scope, author=ADA)


@pytest.fixture
def site_with() -> Iterator[Callable[..., Site]]:
    opened = []

    def make(*, open_to_all: bool = True, **settings: Any) -> Site:
        application = open_application(Settings(data=":memory:", **settings))
        opened.append(application)
        return Site(application.__enter__(), open_to_all=open_to_all)

    yield make
    for application in opened:
        application.__exit__(None, None, None)


@pytest.fixture
def site(site_with: Callable[..., Site]) -> Site:
    return site_with()


@pytest.fixture(scope="module")
def one_site() -> Iterator[Site]:
    with open_application(Settings(data=":memory:")) as services:
        yield Site(services)


@pytest.fixture
def shared(one_site: Site) -> Site:
    """One application for all operations, with its budget as it was at the start."""
    one_site.leave(1000)
    return one_site


def send(client: TestClient, operation: Operation) -> int:
    path = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
    media = {"content-type": operation.payload.media_types[0]} if operation.payload else {}
    content = b"{}" if operation.payload else None
    status: int = client.request(operation.method, path, content=content, headers=media).status_code
    return status


METERED = [
    each for each in OPERATIONS if each.permission is not None and not each.path.startswith("/api/v1/budget")
]
FREE = [each for each in OPERATIONS if each not in METERED]


@pytest.mark.parametrize("operation", METERED, ids=lambda operation: operation.name)
def test_each_call_of_the_management_api_costs_one(operation: Operation, shared: Site) -> None:
    before = shared.remaining
    send(shared.admin, operation)
    assert shared.remaining == before - 1


@pytest.mark.parametrize("operation", FREE, ids=lambda operation: operation.name)
def test_pages_and_the_budget_itself_cost_nothing(operation: Operation, shared: Site) -> None:
    before = shared.remaining
    send(shared.admin, operation)
    assert shared.remaining == before


@pytest.mark.parametrize("operation", METERED, ids=lambda operation: operation.name)
def test_a_used_up_budget_refuses_every_metered_route(operation: Operation, shared: Site) -> None:
    shared.used_up()
    assert send(shared.admin, operation) == 429


@pytest.mark.parametrize("scope", BudgetScope)
@pytest.mark.parametrize("operation", METERED, ids=lambda operation: operation.name)
def test_a_stop_refuses_every_metered_route(operation: Operation, scope: BudgetScope, shared: Site) -> None:
    shared.stop(scope)
    assert send(shared.admin, operation) == 429


@pytest.mark.parametrize("operation", FREE, ids=lambda operation: operation.name)
def test_what_is_not_metered_answers_in_every_state(operation: Operation, shared: Site) -> None:
    shared.stop(BudgetScope.ALL)
    assert send(shared.admin, operation) not in (429, 500)


def test_head_costs_as_much_as_get(site: Site) -> None:
    before = site.remaining
    site.admin.head("/api/v1/flags")
    assert site.remaining == before - 1


def test_a_call_that_fails_afterwards_has_cost_one_all_the_same(site: Site) -> None:
    before = site.remaining
    assert site.admin.put("/api/v1/flags/x", content=b"{").status_code == 415
    assert site.admin.get("/api/v1/flags/unknown").status_code == 404
    assert site.remaining == before - 2


@pytest.mark.parametrize("role", ["reader", "sdk-client"])
def test_a_call_that_the_role_does_not_allow_costs_nothing(site: Site, role: str) -> None:
    before = site.remaining
    assert site.client(site.token(role)).delete("/api/v1/flags/banner").status_code == 403
    assert site.remaining == before


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_a_call_without_a_valid_token_costs_nothing(site: Site, token: str) -> None:
    before, client = site.remaining, site.client(token)
    for _ in range(50):
        assert client.get("/api/v1/flags").status_code == 401
    assert site.remaining == before


def test_an_unknown_path_or_method_costs_nothing(site: Site) -> None:
    before = site.remaining
    assert site.admin.get("/api/v1/nothing").status_code == 404
    assert site.admin.delete("/api/v1/flags").status_code == 405
    assert site.admin.options("/api/v1/flags").status_code == 405
    assert site.remaining == before


# -- what a refusal says


def test_a_refusal_is_a_problem_with_a_time_to_come_back(site: Site) -> None:
    site.used_up()
    answer = site.admin.get("/api/v1/flags")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("/docs#problem-too-many-requests", 429)
    assert problem["detail"] == "the request budget is used up"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-limit"] == "1"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.headers["ratelimit-reset"] == answer.headers["retry-after"]


@pytest.mark.parametrize(("wait", "shown"), [(0.0, "1"), (1.0, "1"), (1.001, "2"), (59.2, "60")])
def test_waits_are_whole_seconds_and_never_too_short(wait: float, shown: str) -> None:
    headers = dict(limit_headers(TooManyRequestsError("", retry_after=wait, limit=7)))
    assert (headers["retry-after"], headers["ratelimit-reset"], headers["ratelimit-limit"]) == (
        shown,
        shown,
        "7",
    )


def test_after_a_reset_exactly_as_many_calls_pass(site: Site) -> None:
    site.used_up()
    reset = site.admin.post("/api/v1/budget/reset", json={"limit": 20, "reason": "test"})
    assert reset.status_code == 200
    statuses = [site.admin.get("/api/v1/flags").status_code for _ in range(25)]
    assert statuses == [200] * 20 + [429] * 5


def test_in_observe_mode_calls_pass(site_with: Callable[..., Site]) -> None:
    site = site_with(budget_mode=BudgetMode.OBSERVE)
    site.leave(1)
    assert [site.admin.get("/api/v1/flags").status_code for _ in range(3)] == [200] * 3
    assert site.admin.get("/api/v1/budget").json()["management"]["refused"] == 2


# -- evaluation


def evaluations(site: Site) -> set[int]:
    answers = {site.nobody.post(path, json={"context": {}}).status_code for path in (SINGLE, SINGLE[:-7])}
    assert site.ofrep.quick("banner", {}, b'{"context":{}}') is None or answers == {200}
    return answers


def test_evaluation_goes_on_when_the_budget_is_used_up(site: Site) -> None:
    site.used_up()
    assert site.admin.get("/api/v1/flags").status_code == 429
    assert evaluations(site) == {200}


def test_a_stop_of_everything_stops_evaluation_until_the_reset(site: Site) -> None:
    assert evaluations(site) == {200}
    site.stop(BudgetScope.ALL)
    assert evaluations(site) == {429}
    site.leave(10)
    assert evaluations(site) == {200}


def test_a_stop_of_management_leaves_evaluation_alone(site: Site) -> None:
    site.stop(BudgetScope.MANAGEMENT)
    assert evaluations(site) == {200}


def test_a_stopped_evaluation_says_when_to_come_back(site: Site) -> None:
    site.stop(BudgetScope.ALL)
    answer = site.nobody.post(SINGLE, json={"context": {}})
    assert answer.headers["retry-after"] == "60"
    assert answer.json() == {"errorDetails": "an administrator has stopped evaluation"}


def test_no_stream_is_opened_while_evaluation_is_stopped(site: Site) -> None:
    site.stop(BudgetScope.ALL)
    assert site.nobody.get("/ofrep/v1/sse").status_code == 429


@pytest.mark.parametrize("inline", [True, False])
def test_a_stop_reaches_a_connection_that_is_open(site: Site, inline: bool) -> None:
    request = (
        b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: 14\r\n\r\n" % SINGLE.encode() + b'{"context":{}}'
    )
    with listening(site.services, inline=inline) as server, server.connect() as connection:
        site.services.budget.on_stop(server.listener.edge.ofrep.stop)
        seen = []
        for step in (None, BudgetScope.ALL, "reset"):
            if isinstance(step, BudgetScope):
                site.stop(step)
            elif step:
                site.leave(5)
            for _ in range(2):  # the second request is one that the edge knows by heart
                connection.sendall(request)
                seen.append(connection.recv(65536).split(b" ")[1])
        assert seen == [b"200", b"200", b"429", b"429", b"200", b"200"]


def test_limited_evaluation_spends_its_own_budget(site_with: Callable[..., Site]) -> None:
    site = site_with(evaluation_limit=3, budget_window=BudgetWindow.NONE)
    before = site.remaining
    answers = [site.nobody.post(SINGLE, json={"context": {}}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert answers[-1].headers["ratelimit-limit"] == "3"
    assert answers[-1].json() == {"errorDetails": "the request budget is used up"}
    assert site.nobody.post(SINGLE[:-7], json={}).status_code == 429
    assert site.remaining == before


def test_evaluation_that_is_refused_for_its_token_costs_nothing(site_with: Callable[..., Site]) -> None:
    site = site_with(evaluation_limit=1, budget_window=BudgetWindow.NONE, open_to_all=False)
    for stranger in (site.nobody, site.client("a.b.c")):
        assert {stranger.post(SINGLE, json={}).status_code for _ in range(5)} == {401}
    assert site.admin.post(SINGLE, json={}).status_code == 200
    assert site.admin.post(SINGLE, json={}).status_code == 429


def test_a_store_that_fails_refuses_no_evaluation(site: Site) -> None:
    store = UnreliableBudgetStore()
    store.is_down = True
    meter = Meter(store, "evaluationLimit", seed_limit=1, clock=HandClock(), monotonic=HandClock())
    assert asyncio.run(evaluation_gate(meter, site.ofrep)({})) is None


# -- rates


def test_strangers_have_a_rate_by_address(site_with: Callable[..., Site]) -> None:
    site = site_with(address_rate=1)
    here, there = site.client(address="192.0.2.1"), site.client(address="192.0.2.2")
    statuses = [here.get("/api/v1/flags").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert here.get("/docs").status_code == 429
    assert there.get("/docs").status_code == 200
    assert site.admin.get("/api/v1/flags").status_code == 200  # from here, too


def test_a_bad_token_counts_for_its_address(site_with: Callable[..., Site]) -> None:
    site = site_with(address_rate=1)
    guesser = site.client("a.b.c")
    assert [guesser.get("/api/v1/flags").status_code for _ in range(11)] == [401] * 10 + [429]


def test_a_caller_over_its_own_rate_does_not_spend_what_belongs_to_all(
    site_with: Callable[..., Site],
) -> None:
    site = site_with(token_rate=1)
    loud, quiet = site.client(site.token("reader", "loud")), site.client(site.token("reader", "quiet"))
    before = site.remaining
    statuses = [loud.get("/api/v1/flags").status_code for _ in range(15)]
    assert statuses == [200] * 10 + [429] * 5
    assert site.remaining == before - 10
    assert quiet.get("/api/v1/flags").status_code == 200


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("a:b", "a:b"),
    ],
)
def test_an_address_stands_for_its_network(host: str, network: str) -> None:
    assert address_of({"type": "http", "client": (host, 5)}) == network


def test_a_request_without_an_address_has_one_too() -> None:
    assert address_of({"type": "http", "client": None}) == ""


def test_t9_a_hundred_thousand_anonymous_calls_leave_the_budget_as_it_was(
    site_with: Callable[..., Site],
) -> None:
    site = site_with()
    before = site.services.budget.state()
    statuses: dict[int, int] = {}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send_(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses[message["status"]] = statuses.get(message["status"], 0) + 1

    async def flood() -> None:
        for number in range(100_000):
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/api/v1/flags",
                "raw_path": b"/api/v1/flags",
                "query_string": b"",
                "headers": [(b"host", b"a")],
                "client": (f"192.0.{number % 8}.1", 5),
                "scheme": "http",
            }
            await site.app(scope, receive, send_)

    asyncio.run(flood())
    assert set(statuses) == {401, 429}
    assert sum(statuses.values()) == 100_000
    assert site.services.budget.state().budget == before.budget
