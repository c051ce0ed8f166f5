"""Dead letters over the API, from a receiver that refuses until an event is given up."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.service.access import Role
from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.testing.receiver import Receiver, receiving
from burgee.testing.workshop import ADA

DAY = 86_400.0
NOW = [1_800_000_000.0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def services(tmp_path: Path, receiver: Receiver) -> Iterator[Services]:
    NOW[0] = 1_800_000_000.0
    settings = Settings(
        data=str(tmp_path / "data"),
        webhook_url=receiver.url,
        webhook_secrets="a-secret-of-at-least-24-bytes",
        webhook_allow_private=True,
    )
    with open_application(settings, clock=lambda: NOW[0]) as services:
        yield services


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def publish(services: Services, *keys: str) -> None:
    for key in keys:
        draft = FlagDraft(variants={"on": True}, default_variant="on")
        services.publisher.put_flag("default", key, draft, author=ADA)


def test_what_could_not_be_delivered_for_a_day_is_listed_and_the_rest_goes_on(
    services: Services, receiver: Receiver
) -> None:
    receiver.status, receiver.answer = 500, b"secret details of the receiver"
    publish(services, "a", "b", "c")
    eventually(lambda: len(receiver.received) == 1)
    NOW[0] += DAY
    eventually(lambda: len(services.audit_log.dead_letters()) == 3)
    receiver.status = 204
    publish(services, "d")
    NOW[0] += 900
    token = services.access.issue_token("ada", Role.READER, DAY)
    client = TestClient(build_app(services), headers={"authorization": f"Bearer {token}"})
    page = client.get("/api/v1/audit/dead-letters", params={"limit": 2}).json()
    assert [item["sequence"] for item in page["items"]] == [3, 2]
    rest = client.get("/api/v1/audit/dead-letters", params={"limit": 2, "cursor": page["nextCursor"]}).json()
    (first,) = rest["items"]
    assert rest["nextCursor"] is None
    assert (first["sequence"], first["sink"], first["action"]) == (1, "webhook", "flag.created")
    assert first["eventId"] == receiver.ids[0]
    assert first["problem"] == "the receiver answered with 500"
    assert "secret details" not in str([page, rest])
    eventually(lambda: 4 in receiver.sequences)


def test_the_outbox_is_empty_once_everybody_has_everything(
    services: Services, receiver: Receiver, tmp_path: Path
) -> None:
    import apsw

    publish(services, "a", "b")
    eventually(lambda: receiver.sequences == [1, 2])
    rows = apsw.Connection(str(tmp_path / "data" / "flags.db"))
    eventually(lambda: rows.execute("SELECT count(*) FROM outbox").get == 0)
    assert services.audit_log.verify().ok


def test_a_token_for_some_flag_sets_sees_no_dead_letters(services: Services) -> None:
    token = services.access.issue_token("ada", Role.ADMIN, DAY, flag_sets=("shop",))
    client = TestClient(build_app(services), headers={"authorization": f"Bearer {token}"})
    assert client.get("/api/v1/audit/dead-letters").status_code == 403
