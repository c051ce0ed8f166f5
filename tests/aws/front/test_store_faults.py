"""A whole node, and its faults: DynamoDB throttles (F9), says nothing (F10) or is stale (F13); keys (F16)."""

import base64
import importlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

for _name in ("boto3", "mangum"):
    pytest.importorskip(_name)

from burgee.adapters.dynamodb.client import DynamoClient, dynamodb_client  # noqa: E402
from burgee.bootstrap import open_application  # noqa: E402
from burgee.entrypoints.lambdas.manage import Manage  # noqa: E402
from burgee.errors import KeysUnavailableError, UnauthenticatedError  # noqa: E402
from burgee.model.budget import BudgetState  # noqa: E402
from burgee.model.flag import FlagStatus  # noqa: E402
from burgee.model.sdk_key import SdkKind  # noqa: E402
from burgee.service.drafts import FlagDraft  # noqa: E402
from burgee.service.intent import Author  # noqa: E402
from burgee.service.overrides import OverrideDraft  # noqa: E402
from burgee.service.sdk_keys import SdkKeyDraft  # noqa: E402
from burgee.service.services import Services  # noqa: E402
from burgee.settings import Settings  # noqa: E402
from burgee.surfaces.http.app import build_app  # noqa: E402
from burgee.surfaces.http.counters import Counters, SharedCounters  # noqa: E402
from burgee.surfaces.http.function import HttpFunction  # noqa: E402
from burgee.surfaces.http.ofrep import Ofrep  # noqa: E402
from burgee.testing.aws.emulators import ENVIRONMENT, black_hole, create_tables, full_house  # noqa: E402
from burgee.testing.aws.lossy_proxy import LossyProxy  # noqa: E402
from burgee.testing.aws.stub_service import stub_service  # noqa: E402
from burgee.testing.token_workshop import HEADER, jwks, signed  # noqa: E402

pytestmark = pytest.mark.aws

AUTHOR = Author(subject="tester")
TIMED = (
    "burgee.adapters.aws.circuit",
    "burgee.adapters.dynamodb.client",
    "burgee.adapters.dynamodb.commits",
    "burgee.bootstrap",
)
"""The modules that look at a clock, or sleep, on the way of a call to DynamoDB."""


class Hours:
    """A clock that only sleeping moves on: a minute of an outage takes no minute."""

    def __init__(self) -> None:
        self.now = self.began = time.time()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def second(self) -> int:
        """Whole seconds since it began."""
        return int(self.now - self.began)


class Node:
    """What a node in a container is made of, with its polling done by hand."""

    def __init__(self, services: Services, settings: Settings, headers: dict[str, str]) -> None:
        self.services, self.headers = services, headers
        self.http = HttpFunction(build_app(services), limits=settings.limits)
        self.ofrep = Ofrep(
            services.live,
            services.access,
            Counters(SharedCounters.create(1), 0),
            open_to_all=False,
            overrides=services.overrides,
        )
        draft = FlagDraft(name="a", variants={"on": True, "off": False}, default_variant="on")
        services.publisher.put_flag("default", "a", draft, author=AUTHOR)
        self.key = services.sdk_keys.create(SdkKeyDraft(name="k", kind=SdkKind.SERVER), author=AUTHOR)[1]
        self.poll()

    def poll(self) -> None:
        self.services.budget.follow()
        self.services.refresher.poll()
        self.services.overrides.subjects.poll()

    def evaluate(self, subject: str = "bob") -> Any:
        body = json.dumps({"context": {"targetingKey": subject}}).encode()
        answer = self.ofrep.single("a", {b"authorization": f"Bearer {self.key}".encode()}, body)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def write(self, name: str = "x") -> dict[str, Any]:
        return self.http(put_event(name, self.headers), None)


def put_event(name: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": "/api/v1/flags/b",
        "rawQueryString": "",
        "headers": {**headers, "content-type": "application/json", "host": "x"},
        "requestContext": {"http": {"method": "PUT", "sourceIp": "192.0.2.1"}, "stage": "$default"},
        "isBase64Encoded": False,
        "body": json.dumps({"name": name, "variants": {"on": True, "off": False}, "defaultVariant": "on"}),
    }


@pytest.fixture
def proxy(moto_url: str) -> Iterator[LossyProxy]:
    create_tables(moto_url)
    with LossyProxy.in_front_of(moto_url) as proxy:
        yield proxy


@pytest.fixture
def environment(signing_key: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    def at(url: str) -> dict[str, str]:
        found = {
            **ENVIRONMENT,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": url,
            "BURGEE_STORE": "dynamodb",
            "BURGEE_SIGNING_KEY": str(signing_key),
        }
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        return found

    return at


@pytest.fixture(params=["boto3", "lean"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which client calls: boto3 on a server, our own on Lambda."""
    if request.param == "lean":
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
    return str(request.param)


def assert_is_busy(answer: dict[str, Any]) -> None:
    assert answer["statusCode"] == 503, answer
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert int(headers["retry-after"]) >= 1
    assert headers["content-type"] == "application/problem+json"


def test_f9_a_minute_of_throttling_changes_no_evaluation_and_asks_twice_a_second_at_most(
    proxy: LossyProxy,
    environment: Callable[[str], dict[str, str]],
    authorization: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    client: str,
) -> None:
    settings = Settings.from_mapping(environment(proxy.url))
    hours = Hours()
    for module in TIMED:
        monkeypatch.setattr(importlib.import_module(module), "time", hours)
    with open_application(settings, clock=hours.time, threads=False) as services:
        node = Node(services, settings, authorization)
        before = node.evaluate()
        asked: list[int] = []
        proxy.hears = lambda _: asked.append(hours.second)
        proxy.throttle, hours.began = True, hours.now
        for step in range(600):
            node.poll()
            assert [node.evaluate(f"user-{number}")["value"] for number in range(5)] == [True] * 5
            assert node.evaluate() == before
            if step % 10 == 5:
                assert_is_busy(node.write())
            hours.sleep(0.1)
        each_second = Counter(asked)
        assert each_second.pop(0) <= 4  # two calls, until it is clear that that is no accident
        assert max(each_second.values()) <= 2
        assert 30 <= len(asked) <= 120  # it is looked for, and not hammered
        status = services.budget.management
        assert status.row is not None
        assert (status.row.state, status.refused) == (BudgetState.OPEN, 0)
        proxy.throttle = False
        hours.sleep(1.1)
        node.poll()
        assert node.write()["statusCode"] == 201
        assert services.budget.state().budget.tripped_at is None


@pytest.mark.parametrize("hole", [black_hole, full_house], ids=["never answers", "never accepts"])
def test_f10_a_write_into_a_black_hole_fails_within_two_seconds(
    hole: Callable[[], Any],
    environment: Callable[[str], dict[str, str]],
    authorization: dict[str, str],
    client: str,
) -> None:
    with hole() as url:
        manage = Manage(environment(url))
        try:
            for _ in range(3):
                began = time.monotonic()
                answer = manage(put_event("x", authorization), None)
                assert time.monotonic() - began < 2.0
                assert_is_busy(answer)
        finally:
            manage.close()


def test_f10_a_store_that_falls_silent_leaves_evaluation_as_it_was(
    proxy: LossyProxy,
    environment: Callable[[str], dict[str, str]],
    authorization: dict[str, str],
    client: str,
) -> None:
    settings = Settings.from_mapping(environment(proxy.url))
    with ExitStack() as stack:
        services = stack.enter_context(open_application(settings, threads=False))
        node = Node(services, settings, authorization)
        override = OverrideDraft(flag_key="a", targeting_key="ada", status=FlagStatus.DISABLED)
        services.overrides.put(override, author=AUTHOR)
        services.overrides.subjects.poll()
        before = node.evaluate()
        assert node.evaluate("ada")["value"] is False
        stack.callback(proxy.fall_silent, is_silent=False)
        proxy.fall_silent()
        began = time.monotonic()
        assert_is_busy(node.write())
        assert time.monotonic() - began < 2.0
        times = []
        for number in range(300):
            began = time.perf_counter()
            assert node.evaluate() == before
            assert node.evaluate(f"user-{number}")["value"] is True
            times.append(time.perf_counter() - began)
        assert sorted(times)[-4] < 0.02
        began = time.monotonic()
        for _ in range(20):  # within a moment of the failure, nobody waits again
            assert_is_busy(node.write())
        assert time.monotonic() - began < 2.5


class StaleReplica:
    """A client of boto3 whose inconsistent reads see each item as it was when it was first read."""

    READS = ("get_item", "query", "scan", "batch_get_item")

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.old: dict[str, Any] = {}
        self.consistent = 0

    def __getattr__(self, name: str) -> Any:
        send = getattr(self._raw, name)
        if name not in self.READS:
            return send

        def read(**request: Any) -> Any:
            asked = request.get("RequestItems", {"": request}).values()
            if all(each.get("ConsistentRead") is True for each in asked):
                self.consistent += 1
                return send(**request)
            place = f"{name} {sorted(request.items(), key=str)}"
            return self.old.setdefault(place, send(**request))

        return read


def test_f13_who_has_written_reads_what_it_wrote_though_replicas_are_stale(
    proxy: LossyProxy,
    environment: Callable[[str], dict[str, str]],
    authorization: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.from_mapping(environment(proxy.url))
    made: list[StaleReplica] = []

    def stale_client(**more: Any) -> DynamoClient:
        client = dynamodb_client(**more)
        made.append(StaleReplica(client._raw))
        client._raw = made[-1]
        return client

    monkeypatch.setattr("burgee.adapters.dynamodb.open.dynamodb_client", stale_client)
    with open_application(settings, threads=False) as services:
        http = HttpFunction(build_app(services), limits=settings.limits)

        def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            event = {**put_event("", authorization), "rawPath": path, "body": json.dumps(body)}
            event["requestContext"] = {"http": {"method": method, "sourceIp": "192.0.2.1"}}
            event["headers"] = {**event["headers"], "content-type": "application/merge-patch+json"}
            if method == "PUT":
                event["headers"]["content-type"] = "application/json"
            answer = http(event, None)
            return answer["statusCode"], json.loads(answer["body"])

        draft = {"name": "0", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
        assert ask("PUT", "/api/v1/flags/a", draft)[0] == 201
        for number in range(1, 8):
            status, written = ask("PATCH", "/api/v1/flags/a", {"name": str(number)})
            assert (status, written["version"]) == (200, number + 1)
            status, found = ask("GET", "/api/v1/flags/a")
            assert (status, found["version"], found["name"]) == (200, number + 1, str(number))
            listed = ask("GET", "/api/v1/flags")[1]
            assert str(number) in json.dumps(listed)
    assert made[0].consistent > 20
    assert made[0].old == {}  # no read of the application is one that may be stale


def test_f16_ten_thousand_made_up_keys_are_two_fetches_and_good_tokens_are_judged_as_quickly(
    signing_key: Path, authorization: dict[str, str], tmp_path: Path
) -> None:
    now = int(time.time())
    good = signed(
        {"sub": "u", "userId": "u", "exp": now + 600, "iat": now}, key="one", header={**HEADER, "kid": "one"}
    )
    with stub_service(lambda _: (200, {"content-type": "application/json"}, jwks("one"))) as issuer:
        manage = Manage(
            {
                "BURGEE_DATA": str(tmp_path / "data"),
                "BURGEE_SIGNING_KEY": str(signing_key),
                "BURGEE_JWKS_URL": f"{issuer.url}/keys",
                "BURGEE_BUDGET_LIMIT": "1000000",
            }
        )
        try:

            def ask(token: str) -> int:
                event = {**put_event("", {"authorization": f"Bearer {token}"}), "rawPath": "/api/v1/flags"}
                event["requestContext"] = {"http": {"method": "GET", "sourceIp": "192.0.2.1"}}
                return int(manage(event, None)["statusCode"])

            assert ask(good) == 200
            services = manage._services
            assert services is not None
            payload, times, statuses = good.split(".")[1], list[float](), Counter[int]()
            for number in range(10_000):
                header = base64.urlsafe_b64encode(
                    json.dumps({**HEADER, "kid": f"kid-{number}"}).encode()
                ).decode()
                forged = f"{header.rstrip('=')}.{payload}.{good.split('.')[2]}"
                if number % 50 == 0:  # a whole event; between them what each event does to judge its token
                    statuses[ask(forged)] += 1
                    began = time.perf_counter()
                    assert ask(good) == 200
                    times.append(time.perf_counter() - began)
                    continue
                services.access.await_keys()
                with pytest.raises((UnauthenticatedError, KeysUnavailableError)):
                    services.access.authenticate(forged)
            assert len(issuer.asked) <= 2
            assert set(statuses) <= {401, 429, 503}
            assert sorted(times)[-3] < 0.1  # of 200, the 99th in a hundred
        finally:
            manage.close()
