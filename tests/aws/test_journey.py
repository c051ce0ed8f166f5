"""The whole way, on the template: sign in, create, override, evaluate, trip, reset, and the audit in S3.

Every function runs for real in a process of awslambdaric, frozen between two events; the API, the streams and
Firehose stand in for AWS, with the routes, filters, limits and names of the template.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from burgee.model.audit import AuditEvent, first_broken
from burgee.testing.aws.deployment import Deployment
from burgee.testing.aws.firehose import lines_in
from burgee.testing.aws.template import read_template
from burgee.testing.token_workshop import public_pem_of, signed

pytestmark = pytest.mark.aws
for _name in ("boto3", "moto", "mangum", "awslambdaric"):
    pytest.importorskip(_name)

import msgspec  # noqa: E402

COOKIE = "rds-session"
LIMIT = 40
CHANGES, IN_ONE = 1_000, 20
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}


def started(**options: Any) -> Deployment:
    """A stack whose issuer's key is in SSM, as docs/start/lambda.md has it."""
    template = read_template()
    deployment = Deployment(template, **options)
    deployment.__enter__()
    deployment.client("ssm").put_parameter(
        Name=template.parameters["PublicKeyParameterName"],
        Type="SecureString",
        Value=public_pem_of("issuer").decode(),
        Overwrite=True,
    )
    return deployment


def person(deployment: Deployment, role: str = "ADMIN") -> httpx.Client:
    """Somebody who is signed in by the issuer: a browser that holds its cookie."""
    token = signed({"userId": "ada", "role": role, "exp": int(time.time()) + 3600}, key="issuer")
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=deployment.url, headers=headers, timeout=30, trust_env=False)


def audit_lines(deployment: Deployment) -> list[bytes]:
    """What stands in S3, line for line."""
    deployment.firehose.flush()
    (stream,) = deployment.template.of_type("AWS::KinesisFirehose::DeliveryStream")
    destination = deployment.template.properties(stream)["ExtendedS3DestinationConfiguration"]
    bucket = destination["BucketARN"].rpartition(":")[2]
    return lines_in(deployment.client("s3"), bucket)


def events_of(lines: list[bytes]) -> list[AuditEvent]:
    """Those lines that are events of the chain."""
    return [msgspec.json.decode(line, type=AuditEvent) for line in lines if json.loads(line)["sequence"]]


@pytest.fixture(scope="module")
def journey() -> Iterator[Deployment]:
    settings = {
        "BURGEE_BUDGET_LIMIT": str(LIMIT),
        "BURGEE_BUDGET_WINDOW": "none",
        "BURGEE_SNAPSHOT_REFRESH_SECONDS": "0.5",
    }
    deployment = started(settings=settings)
    yield deployment
    deployment.__exit__()


def test_the_whole_way(journey: Deployment) -> None:
    stranger = httpx.get(f"{journey.url}/api/v1/flags", trust_env=False, timeout=30)
    assert stranger.status_code == 401
    with person(journey) as ada:
        # create
        created = ada.put("/api/v1/flags/banner", json=FLAG, headers={"If-None-Match": "*"})
        assert created.status_code == 201, created.text
        assert created.headers["location"] == "/test/api/v1/flag-sets/default/flags/banner"
        rds = ada.post("/feature-flags", json={"Name": "seed", "Description": "d", "UserId": "ada"})
        assert rds.status_code == 201, rds.text
        assert {flag["name"] for flag in ada.get("/feature-flags").json()} >= {"seed"}
        # override
        pinned = ada.put("/api/v1/flags/banner/overrides/joe", json={"variant": "on", "reason": "he asked"})
        assert pinned.status_code in (200, 201), pinned.text
        journey.pump()
        # evaluate
        assert evaluated(ada, "banner", "joe") == ("on", True)
        assert evaluated(ada, "banner", "ann") == ("off", False)
        # trip
        statuses = [ada.get("/api/v1/flags").status_code for _ in range(LIMIT + 5)]
        assert set(statuses) == {200, 429}
        assert statuses == sorted(statuses)
        refused = ada.get("/api/v1/flags")
        assert refused.json()["status"] == 429
        assert evaluated(ada, "banner", "ann") == ("off", False)  # flags go on answering
        # reset
        reset = ada.post("/reset-limit", json={"limitValue": 1000, "pendingLimit": 1000})
        assert reset.status_code == 200, reset.text
        assert wait_for(lambda: ada.get("/api/v1/flags").status_code == 200)
        # counts go by the log, and say when a flag was used last
        counted = journey.ship_log("EvaluateFunction", "UsageFunction", '"burgee":"usage"')
        assert counted is not None
        assert not counted.is_error, counted
        assert ada.get("/api/v1/flags/banner/usage").json()["lastEvaluatedAt"] > 0
        # audit
        journey.pump()
    lines = audit_lines(journey)
    assert ("flag.evaluated", "banner") in {
        (each["action"], each["flagKey"]) for each in map(json.loads, lines)
    }
    found = events_of(lines)
    actions = [event.action for event in found]
    for action in ("flag.created", "override.created", "budget.tripped", "budget.reset"):
        assert action in actions, actions
    assert first_broken(sorted(found, key=lambda event: event.sequence)) is None
    given_up = journey.messages("AuditDeadLetters")
    assert given_up == [], given_up[0]


def evaluated(client: httpx.Client, key: str, subject: str) -> tuple[str, Any]:
    """Variant and value that OFREP answers."""
    answer = client.post(f"/ofrep/v1/evaluate/flags/{key}", json={"context": {"targetingKey": subject}})
    assert answer.status_code == 200, answer.text
    return answer.json()["variant"], answer.json()["value"]


def wait_for(condition: Any, seconds: float = 10.0) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.1)
    return False


def change(client: httpx.Client, turn: int) -> None:
    """Twice IN_ONE changes: each of a publish of its own, then as many in one."""
    for number in range(IN_ONE):
        body = {**FLAG, "description": f"change {turn}"}
        answer = client.put(f"/api/v1/flags/single-{number}", json=body)
        assert answer.status_code in (200, 201), answer.text
    flags = {
        f"many-{number}": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "on" if turn % 2 else "off",
        }
        for number in range(IN_ONE)
    }
    answer = client.post("/api/v1/import", json={"flags": flags})
    assert answer.status_code == 200, answer.text


def test_of_a_thousand_changes_none_is_lost_and_what_is_there_twice_shows() -> None:
    dice = random.Random(4)
    deployment = started(
        settings={"BURGEE_BUDGET_LIMIT": "1000000"},
        breaks=lambda: dice.random() < 0.05,
        refuses=lambda: dice.random() < 0.05,
    )
    try:
        with person(deployment) as ada:
            for turn in range(CHANGES // (2 * IN_ONE)):
                change(ada, turn)
                deployment.pollers["AuditFunction", "AuditLog"].drain()
            head = ada.get("/api/v1/audit?limit=1").json()
        found = events_of(audit_lines(deployment))
        assert deployment.pollers["AuditFunction", "AuditLog"].given_up == []
    finally:
        deployment.__exit__()
    times = Counter(event.sequence for event in found)
    distinct = {event.sequence: event for event in found}
    changes = [event for event in distinct.values() if event.action.startswith("flag.")]
    assert len(changes) == CHANGES
    assert sorted(distinct) == list(range(1, max(distinct) + 1)), json.dumps(head)[:200]
    assert first_broken([distinct[sequence] for sequence in sorted(distinct)]) is None
    # A line that is there twice is the same line: readers tell it by its sequence, and lose nothing by it.
    assert len(set(map(msgspec.json.encode, found))) == len(distinct)
    assert max(times.values()) > 1, "the failures that were injected made no duplicate: nothing was tested"
