"""Evaluation on Lambda answers as a server does, byte by byte: seeded requests to both, answers compared.

The simple routes of the RDS dialect are compared with the management function, which serves them too; OFREP
with the application that a server runs. What differs by design is named here, and nothing else may.
"""

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

pytest.importorskip("mangum")

from burgee.bootstrap import open_application
from burgee.formats import snapshot as snapshots
from burgee.model.budget import BudgetScope
from burgee.model.flag import FlagStatus
from burgee.model.sdk_key import SdkKind
from burgee.service.filter_layers import with_subjects
from burgee.service.override_drafts import OverrideDraft
from burgee.service.publish import Author
from burgee.service.sdk_keys import SdkKeyDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.cors import Cors, CorsLayer
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.function import HttpFunction
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes
from burgee.testing.aws.evaluation_cloud import OBJECT, Cloud
from burgee.testing.aws.front_events import Kind, Request, Route, balancer_event, rest_event, v2_event
from burgee.testing.aws.stub_service import stub_service
from burgee.testing.token_workshop import public_pem_of, signed

pytestmark = pytest.mark.aws

ORIGIN = "https://app.example.com"
EXAMPLES = int(os.environ.get("LAMBDA_DIFFERENTIAL_EXAMPLES", "1500"))
OF_THE_ENVELOPE = {
    "x-request-id",
    "referrer-policy",
    "cross-origin-opener-policy",
    "content-security-policy",
    "cache-control",
}
"""What a server's ASGI path puts around OFREP, and its short path does not: nor does the function."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Both:
    """A server and the function, with the same flags, overrides, keys and settings."""

    def __init__(self, services: Services, cloud: Cloud) -> None:
        self.services, self.cloud = services, cloud
        cors = Cors.from_text(ORIGIN)
        ofrep = Ofrep(
            services.live,
            services.access,
            Counters(SharedCounters.create(1), 0),
            open_to_all=False,
            overrides=services.overrides,
            has_streams=False,
        )
        app = build_app(services, evaluation_routes=ofrep_routes(ofrep), cors=cors)
        self._server = HttpFunction(CorsLayer(app, cors), limits=services.limits)
        manage = build_app(services, cors=cors)
        self.manage = HttpFunction(CorsLayer(manage, cors), limits=services.limits)
        self.server: Ask = lambda event: self._server(event, None)
        self.tokens = {"none": "", "wrong": "bgs_" + "0" * 16 + "_" + "x" * 43, "garbage": "a.b.c"}
        self._fill()

    def _fill(self) -> None:
        author, now = Author(subject="ada"), int(time.time())
        for subject, role in (("ada", "READER"), ("root", "ADMIN"), ("eve", "READER")):
            claims = {"userId": subject, "role": role.lower(), "exp": now + 3600}
            self.tokens[subject] = signed(claims, key="one")
        self.tokens["old"] = signed({"userId": "ada", "exp": now - 10}, key="one")
        self.tokens["nobody"] = signed({"role": "reader", "exp": now + 3600}, key="one")
        self.tokens["other key"] = signed({"userId": "ada", "exp": now + 3600}, key="two")
        for kind in SdkKind:
            for sets in ((), ("web",), ("default", "web")):
                key = SdkKeyDraft(name=f"{kind.value} {len(sets)}", kind=kind, flag_sets=sets)
                self.tokens[key.name] = self.services.sdk_keys.create(key, author=author)[1]
        rule = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}
        for flag_set in ("default", "web"):
            for name in ("a", "b", "cx", "rule"):
                self._create(flag_set, name, rule if name == "rule" else None)
        self.ids = {
            flag.key: flag.source.id for flag in self.services.live.current.programs["default"].flags.values()
        }
        subjects = ("ada", "eve", "u/1")
        for subject, name, status in (
            ("ada", "a", FlagStatus.DISABLED),
            ("ada", "rule", FlagStatus.ENABLED),
            ("eve", "b", FlagStatus.DISABLED),
            ("u/1", "a", FlagStatus.DISABLED),
        ):
            draft = OverrideDraft(flag_key=name, targeting_key=subject, status=status)
            made = self.services.overrides.put(draft, author=author)
            self.cloud.overrides[subject, self.ids[name]] = made
        self.services.overrides.subjects.catch_up()
        packed = [snapshots.packed(each.snapshot) for each in self.services.live.current.programs.values()]
        layers = with_subjects((), subjects, seed=3)
        archive = snapshots.Archive(
            generation=1,
            sets=tuple(msgspec.structs.replace(each, seed=3, layers=layers) for each in packed),
            keys=self.services.sdk_keys.list(),
        )
        self.cloud.s3.put(OBJECT, snapshots.encode(archive))
        self.cloud.now = time.time()
        self.function: Ask = self.cloud.start().handle

    def _create(self, flag_set: str, key: str, rule: object) -> None:
        body = {
            "variants": {"on": True, "off": False},
            "defaultVariant": "on",
            **({"targeting": rule} if rule else {}),
        }
        path = f"/api/v1/{'' if flag_set == 'default' else f'flag-sets/{flag_set}/'}flags/{key}"
        headers = [("authorization", f"Bearer {self.tokens['root']}"), ("content-type", "application/json")]
        headers.append(("if-none-match", "*"))
        request = Request("PUT", path, "", headers, json.dumps(body).encode())
        answer = self.manage(v2_event(request, ROUTE, {}, kind=Kind.URL, stage=""), None)
        assert answer["statusCode"] == 201, answer


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    pem = public_pem_of("one").decode()
    settings = Settings(data=":memory:", public_key=pem, cors_origins=ORIGIN, address_rate=0)
    with open_application(settings) as services, stub_service(lambda _: (500, {}, b"")) as stub:
        cloud = Cloud(stub, tmp_path_factory.mktemp("tmp"))
        cloud.environment |= {"BURGEE_PUBLIC_KEY": pem, "BURGEE_CORS_ORIGINS": ORIGIN}
        yield Both(services, cloud)


ROUTE = Route("ANY", "/{proxy+}", None)


def events(dice: random.Random, request: Request) -> dict[str, Any]:
    """`request` as one of the senders hands it on."""
    match dice.randrange(5):
        case 0:
            return rest_event(request, request.path, ROUTE, {}, stage=dice.choice(["", "prod"]))
        case 1:
            return v2_event(request, ROUTE, {}, kind=Kind.HTTP, stage="")
        case 2:
            return balancer_event(request, several=True)
        case 3:
            return balancer_event(request, several=False)
        case _:
            return v2_event(request, ROUTE, {}, kind=Kind.URL, stage="")


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    """`answer` with the ids of its request masked."""
    text = re.sub(r'[0-9a-f]{32}(?=[\\"])', "ID", json.dumps(answer))
    return dict(json.loads(text))


def credentials(dice: random.Random, both: Both) -> list[tuple[str, str]]:
    token = both.tokens[dice.choice(sorted(both.tokens))]
    found = (
        [("Authorization", f"{dice.choice(['Bearer', 'bearer', 'Bearer ', 'Basic'])} {token}")]
        if token
        else []
    )
    if dice.random() < 0.1:
        found.append(("X-API-Key", both.tokens[dice.choice(sorted(both.tokens))]))
    if dice.random() < 0.3:
        cookie = both.tokens[dice.choice(["ada", "ada", "eve", "garbage"])]
        found.append(("Cookie", f"a=b; rds-session-development={cookie}"))
    if dice.random() < 0.05:
        found.append(("Authorization", "Bearer x"))
    if dice.random() < 0.3:
        found.append(("Origin", dice.choice([ORIGIN, "https://evil.example", "null", "https://x.example"])))
    if dice.random() < 0.1:
        found.append(("Sec-Fetch-Site", dice.choice(["same-origin", "cross-site"])))
    if dice.random() < 0.2:
        found.append(("X-Request-Id", dice.choice(["mine-1", "no good", ""])))
    return found


def test_the_simple_routes_are_answered_as_management_does(both: Both) -> None:
    dice = random.Random(20)
    users = [
        "ada",
        "eve",
        "bob",
        "",
        "a%2Fb",
        "u%2F1",
        "a%0Ab",
        "%C3%A9",
        "%FF",
        "x" * 257,
        "x" * 256,
        "a%2525",
    ]
    statuses = set()
    for number in range(EXAMPLES):
        user = dice.choice(users[:2] if dice.random() < 0.5 else users)
        flag = dice.choice([*both.ids.values(), "none", "", "a%0A", "f" * 100])
        path = dice.choice(
            [
                f"/users/{user}/feature-flags/evaluation",
                f"/users/{user}/feature-flags/{flag}/evaluation",
                f"/users/{user}/feature-flags/{flag}/evaluation/",
                f"/users/{user}/feature-flags%2F{flag}/evaluation",
                f"//users/{user}/feature-flags/evaluation",
                f"/users/{user}/feature-flags//evaluation",
            ]
        )
        method = dice.choice(["GET", "GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "DELETE"])
        query = dice.choice(["", "", "", "a=1", "a=%FF", "=&&", "a=1&" * 33, "a=%C3%A9"])
        headers = [("Host", "x.example"), *credentials(dice, both)]
        request = Request(method, path, query, headers, dice.choice([b"", b"", b"{}", b"\xff"]))
        event = events(dice, request)
        ours = without_ids(both.function(event))
        if path.startswith("//"):
            assert ours["statusCode"] == 404 or method == "OPTIONS"
            continue
        theirs = without_ids(both.manage(event, None))
        assert ours == theirs, (number, request)
        statuses.add(ours["statusCode"])
    assert statuses >= {200, 400, 401, 403, 404, 405}


def test_ofrep_is_answered_as_a_server_does(both: Both) -> None:
    dice = random.Random(30)
    keys = ["a", "b", "rule", "none", "", "a%20b", "%C3%A9", "%FF", "a%2Fb", "x" * 129, "a%0A"]
    bodies = [
        b"",
        b"{}",
        b"not json",
        b"[]",
        b"null",
        b'{"context":[]}',
        b'{"context":{}}',
        b'{"context":{"targetingKey":"ada"}}',
        b'{"context":{"targetingKey":"eve","plan":"pro"}}',
        b'{"context":{"targetingKey":1,"plan":"pro"}}',
        b'{"context":{"targetingKey":"u/1"},"context":{}}',
        b'{"context":{"targetingKey":"\\ud800"}}',
        b"\xff\xfe",
        b'{"context":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
        b'{"context":{"a":"' + b"x" * 70_000 + b'"}}',
        b'{"context":{"a":1e999}}',
    ]
    tags = [""]
    statuses = set()
    for number in range(EXAMPLES):
        path = "/ofrep/v1/evaluate/flags" + (f"/{dice.choice(keys)}" if dice.random() < 0.6 else "")
        headers = [("Host", "x.example"), *credentials(dice, both)]
        headers = [pair for pair in headers if pair[0] != "Authorization" or dice.random() < 0.95]
        if dice.random() < 0.6:
            headers = [pair for pair in headers if pair[0] != "Authorization"]
            headers.append(
                ("Authorization", f"Bearer {both.tokens[dice.choice(['server 0', 'client 2', 'server 1'])]}")
            )
        if sum(name == "Authorization" for name, _ in headers) > 1:
            headers = [
                pair for pair in headers if pair[0] != "Authorization"
            ]  # below: not the same by design
        if dice.random() < 0.3:
            selector = dice.choice(["flagSetId=web", "flagSetId=default", "flagSetId=none", "x=y", "", "é"])
            headers.append(("Flagd-Selector", selector))
        if dice.random() < 0.3:
            headers.append(("Accept-Encoding", dice.choice(["gzip", "br, gzip;q=0.5", "gzip;q=0"])))
        if dice.random() < 0.3:
            headers.append(("If-None-Match", dice.choice(tags)))
        query = dice.choice(["", "", "", "flagConfigEtag=x", "a=%FF&b", "a=1&" * 101])
        headers.append(("Content-Type", dice.choice(["application/json", "text/plain", "image/png"])))
        event = events(dice, Request("POST", path, query, headers, dice.choice(bodies)))
        ours, theirs = both.function(event), both.server(event)
        place = "headers" if "headers" in theirs else "multiValueHeaders"
        around = OF_THE_ENVELOPE | ({"x-content-type-options"} if theirs["statusCode"] == 304 else set())
        theirs[place] = {name: value for name, value in theirs[place].items() if name not in around}
        assert ours == theirs, (number, path, headers, event)
        statuses.add(ours["statusCode"])
        fields = ours.get("headers") or {name: each[0] for name, each in ours["multiValueHeaders"].items()}
        if "etag" in fields and len(tags) < 20:
            tags.append(fields["etag"])
    assert statuses >= {200, 304, 400, 401, 403, 404}


def test_two_authorization_headers_are_no_token_on_lambda(both: Both) -> None:
    """A gateway that joins headers leaves nothing to choose from, so nothing is chosen for any of them."""
    headers = [("Authorization", f"Bearer {both.tokens['server 0']}")] * 2
    request = Request("POST", "/ofrep/v1/evaluate/flags", "", headers, b"{}")
    assert both.function(rest_event(request, request.path, ROUTE, {}, stage=""))["statusCode"] == 401
    assert both.function(v2_event(request, ROUTE, {}, kind=Kind.HTTP, stage=""))["statusCode"] == 401


def test_a_stop_is_said_in_the_same_words(both: Both) -> None:
    headers = [("Authorization", f"Bearer {both.tokens['ada']}")]
    request = Request("GET", "/users/ada/feature-flags/evaluation", "", headers, b"")
    event = v2_event(request, ROUTE, {}, kind=Kind.URL, stage="")
    both.services.budget.force(BudgetScope.ALL, author=Author(subject="root"))
    archive = snapshots.decode(both.cloud.s3.objects[OBJECT][0])
    stopped = msgspec.structs.replace(archive, generation=2, stopped=True)
    try:
        both.cloud.s3.put(OBJECT, snapshots.encode(stopped))
        both.cloud.now += 10
        ours, theirs = without_ids(both.function(event)), without_ids(both.manage(event, None))
        # The limit is not in the snapshot: a stop has none.
        for name in ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"):
            assert theirs["headers"].pop(name)
        assert ours == theirs
        assert ours["statusCode"] == 429
    finally:
        both.services.budget.reset(1000, author=Author(subject="root"))
        running = msgspec.structs.replace(archive, generation=3)
        both.cloud.s3.put(OBJECT, snapshots.encode(running))
        both.cloud.now += 10
    assert both.function(event)["statusCode"] == 200
