"""OFREP with overrides: the same over the inline and the ASGI path; entity tags and events follow them."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.bootstrap import open_application
from burgee.model.flag import FlagStatus
from burgee.service.access import Role
from burgee.service.applied_overrides import UNSURE
from burgee.service.overrides import OverrideDraft
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.audience import Scope
from burgee.surfaces.http.counters import EVALUATIONS, Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.testing.counting_overrides import CountingOverrideStore
from burgee.testing.flag_fixtures import AUTHOR, publish_samples
from burgee.testing.listening import Listening, listening

ONE = "/ofrep/v1/evaluate/flags"
NOW = [1_800_000_000.0]
KEPT: list[CountingOverrideStore] = []


def counted(store: MemoryFlagStore) -> CountingOverrideStore:
    KEPT[:] = [CountingOverrideStore(MemoryOverrideStore(store))]
    return KEPT[0]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    NOW[0] = 1_800_000_000.0
    monkeypatch.setattr("burgee.adapters.sqlite.overrides.overrides_beside", counted)
    with open_application(Settings(data=":memory:"), clock=lambda: NOW[0]) as services:
        publish_samples(services)
        yield services


@pytest.fixture(params=[True, False], ids=["inline", "asgi"])
def server(services: Services, request: pytest.FixtureRequest) -> Iterator[Listening]:
    with listening(services, inline=bool(request.param)) as server:
        yield server


@pytest.fixture
def client(server: Listening) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Accept-Encoding": "identity"}) as client:
        yield client


def override(services: Services, subject: str = "u", key: str = "targeted", **content: Any) -> None:
    fields: dict[str, Any] = content or {"variant": "on"}
    draft = OverrideDraft(flag_key=key, targeting_key=subject, **fields)
    services.overrides.put(draft, author=AUTHOR)


def single(client: httpx.Client, key: str = "targeted", subject: str = "u") -> dict[str, Any]:
    body: dict[str, Any] = client.post(f"{ONE}/{key}", json={"context": {"targetingKey": subject}}).json()
    return body


def bulk(client: httpx.Client, subject: str = "u", *, etag: str = "", selector: str = "") -> httpx.Response:
    headers = {"if-none-match": etag} if etag else {}
    headers |= {"flagd-selector": selector} if selector else {}
    return client.post(ONE, json={"context": {"targetingKey": subject}}, headers=headers)


def flag_of(response: httpx.Response, key: str = "targeted") -> dict[str, Any]:
    (found,) = [each for each in response.json()["flags"] if each["key"] == key]
    return dict(found)


OVERRIDDEN = {
    "key": "targeted",
    "reason": "TARGETING_MATCH",
    "variant": "on",
    "value": True,
    "metadata": {"owner": "us", "override": True},
}
PLAIN = {
    "key": "targeted",
    "reason": "TARGETING_MATCH",
    "variant": "off",
    "value": False,
    "metadata": {"owner": "us"},
}


class TestOneFlag:
    def test_the_subject_gets_its_override_and_others_do_not(
        self, client: httpx.Client, services: Services
    ) -> None:
        for _ in range(3):  # the second time an answer comes from prepared bytes
            assert single(client) == PLAIN
        override(services)
        for _ in range(3):
            assert single(client) == OVERRIDDEN
            assert single(client, subject="v") == PLAIN
        services.overrides.delete("default", "targeted", "u", author=AUTHOR)
        assert single(client) == PLAIN

    def test_a_disabled_flag_is_on_for_whom_it_was_enabled(
        self, client: httpx.Client, services: Services
    ) -> None:
        assert single(client, "disabled")["reason"] == "DISABLED"
        override(services, key="disabled", status=FlagStatus.ENABLED)
        answer = single(client, "disabled")
        assert (answer["variant"], answer["value"], answer["reason"]) == ("on", True, "TARGETING_MATCH")

    def test_without_an_off_variant_the_callers_default_applies(
        self, client: httpx.Client, services: Services
    ) -> None:
        override(services, key="text", status=FlagStatus.DISABLED)
        answer = single(client, "text")
        assert "value" not in answer
        assert (answer["variant"], answer["metadata"]) == ("", {"override": True})

    def test_it_ends_with_its_expiry(self, client: httpx.Client, services: Services) -> None:
        override(services, variant="on", expires_at=NOW[0] + 10)
        assert single(client) == OVERRIDDEN
        NOW[0] += 10
        assert single(client) == PLAIN

    @pytest.mark.parametrize("context", [{}, {"targetingKey": None}, {"targetingKey": ["u"]}, {"user": "u"}])
    def test_a_context_without_its_subject_gets_what_the_flag_says(
        self, client: httpx.Client, services: Services, context: dict[str, Any]
    ) -> None:
        override(services)
        answer = client.post(f"{ONE}/targeted", json={"context": context})
        assert (answer.status_code, answer.json()) == (200, PLAIN)

    def test_an_unknown_flag_is_still_404(self, client: httpx.Client, services: Services) -> None:
        override(services)
        assert client.post(f"{ONE}/none", json={"context": {"targetingKey": "u"}}).status_code == 404

    def test_f10_the_store_may_be_away_and_answers_without_it_are_marked(
        self, client: httpx.Client, services: Services
    ) -> None:
        override(services)
        KEPT[0].fails = True
        assert single(client) == {**PLAIN, "metadata": {"owner": "us", **UNSURE}}
        every = bulk(client)
        assert flag_of(every) == PLAIN
        assert every.json()["metadata"]["stale"] is True
        assert "etag" not in every.headers
        KEPT[0].fails = False
        again = bulk(client)
        assert "stale" not in again.json()["metadata"]
        assert again.headers["etag"]


class TestReads:
    def test_a_subject_without_overrides_costs_none(self, client: httpx.Client, services: Services) -> None:
        override(services, "somebody")
        KEPT[0].reads = 0
        for number in range(50):
            single(client, subject=f"user-{number}")
            bulk(client, subject=f"user-{number}")
        assert KEPT[0].reads == 0

    def test_an_overridden_one_costs_one_for_each_request(
        self, client: httpx.Client, services: Services
    ) -> None:
        for key in ("targeted", "text", "boolean"):
            override(services, key=key)
        for evaluate in (single, bulk):
            KEPT[0].reads = 0
            evaluate(client)
            assert KEPT[0].reads == 1


class TestAllFlags:
    def test_only_the_overridden_flags_differ(self, client: httpx.Client, services: Services) -> None:
        before = bulk(client)
        override(services)
        override(services, key="disabled", status=FlagStatus.ENABLED)
        after = bulk(client)
        assert flag_of(after) == OVERRIDDEN
        changed = [
            one["key"]
            for one, other in zip(before.json()["flags"], after.json()["flags"], strict=True)
            if one != other
        ]
        assert changed == ["disabled", "targeted"]
        assert bulk(client, "v").json() == before.json()

    def test_of_two_flags_with_one_key_the_one_that_is_meant(
        self, client: httpx.Client, services: Services
    ) -> None:
        override(services, key="boolean", flag_set="shop", status=FlagStatus.DISABLED)
        found = [each for each in bulk(client).json()["flags"] if each["key"] == "boolean"]
        assert [each["metadata"].get("override") for each in found] == [None, True]
        assert flag_of(bulk(client, selector="flagSetId=shop"), "boolean")["metadata"]["override"] is True
        assert "override" not in flag_of(bulk(client, selector="flagSetId="), "boolean")["metadata"]

    def test_the_entity_tag_follows_the_overrides_of_this_subject(
        self, client: httpx.Client, services: Services
    ) -> None:
        tags = [bulk(client).headers["etag"]]
        others = bulk(client, "v").headers["etag"]

        def changed() -> None:
            answer = bulk(client, etag=tags[-1])
            assert answer.status_code == 200
            tags.append(answer.headers["etag"])
            assert bulk(client, etag=tags[-1]).status_code == 304
            assert bulk(client, "v", etag=others).status_code == 304

        override(services)
        changed()
        override(services, variant="off")
        changed()
        override(services, key="text", status=FlagStatus.ENABLED, expires_at=NOW[0] + 5)
        changed()
        NOW[0] += 5
        changed()
        services.overrides.delete("default", "targeted", "u", author=AUTHOR)
        changed()
        assert len(set(tags)) == 4  # the last two are those of earlier states
        assert tags[0] == tags[-1]
        assert tags[2] == tags[4]


class TestEvents:
    def mark_of(self, services: Services) -> tuple[Ofrep, str]:
        counters = Counters(SharedCounters.create(1), 0)
        ofrep = Ofrep(
            services.live, services.access, counters, open_to_all=True, overrides=services.overrides
        )
        return ofrep, ofrep.mark(Scope())[1]

    def test_the_mark_of_an_event_moves_with_every_override(self, services: Services) -> None:
        marks = [self.mark_of(services)[1]]
        override(services)
        marks.append(self.mark_of(services)[1])
        services.overrides.delete("default", "targeted", "u", author=AUTHOR)
        marks.append(self.mark_of(services)[1])
        assert len(set(marks)) == 3
        assert {mark.partition(".")[0] for mark in marks} == {marks[0]}

    def test_streams_are_told_to_fetch_again(self, server: Listening, services: Services) -> None:
        with httpx.stream("GET", f"{server.url}/ofrep/v1/sse", timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            override(services)
            data = next(line for line in lines if line.startswith("data:"))
        assert "refetchEvaluation" in data
        assert f".{services.overrides.subjects.mark}" in data

    def test_who_comes_with_the_mark_of_an_event_gets_a_304_where_nothing_changed_for_it(
        self, client: httpx.Client, services: Services
    ) -> None:
        tag = bulk(client, "v").headers["etag"]
        override(services)
        mark = self.mark_of(services)[1]
        older = f"{mark.partition('.')[0]}.{services.overrides.subjects.mark - 1}"
        for known in (mark, older):
            answer = client.post(
                ONE,
                params={"flagConfigEtag": known},
                json={"context": {"targetingKey": "v"}},
                headers={"if-none-match": tag},
            )
            assert answer.status_code == 304

    @pytest.mark.parametrize("later", [1, 10**17, 10**40])
    def test_who_has_heard_of_more_than_is_known_here_gets_no_304(
        self, client: httpx.Client, services: Services, later: int
    ) -> None:
        override(services)
        tag = bulk(client, "v").headers["etag"]
        fingerprint = self.mark_of(services)[1].partition(".")[0]
        wanted = f"{fingerprint}.{services.overrides.subjects.mark + later}"
        answer = client.post(
            ONE,
            params={"flagConfigEtag": wanted},
            json={"context": {"targetingKey": "v"}},
            headers={"if-none-match": tag},
        )
        assert answer.status_code == 200


def test_a_token_for_one_flag_set_gets_its_overrides_alone(services: Services) -> None:
    override(services, key="only-shop", flag_set="shop", status=FlagStatus.DISABLED)
    override(services)
    token = services.access.issue_token("sdk", Role.SDK_SERVER, 60, flag_sets=("shop",))
    with listening(services, open_to_all=False) as server:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            keys = [each["key"] for each in bulk(client).json()["flags"]]
            assert keys == ["boolean", "only-shop"]
            assert single(client, "only-shop")["metadata"]["override"] is True
            assert client.post(f"{ONE}/targeted", json={"context": {}}).status_code == 404


def test_the_quick_path_stays_quick_for_those_without(services: Services) -> None:
    override(services, "somebody")
    ofrep, _ = TestEvents().mark_of(services)
    body = b'{"context":{"targetingKey":"u"}}'
    assert ofrep.quick("targeted", {}, body) is None
    ofrep.single("targeted", {}, body)
    assert ofrep.quick("targeted", {}, body) is not None
    for _ in range(2):
        ofrep.single("targeted", {}, b'{"context":{"targetingKey":"somebody"}}')
        assert ofrep.quick("targeted", {}, b'{"context":{"targetingKey":"somebody"}}') is None


def test_evaluations_of_overrides_are_counted(server: Listening, services: Services) -> None:
    override(services)
    before = list(server.counters.cells)
    with httpx.Client(base_url=server.url) as client:
        single(client)
        single(client)
    deadline = time.monotonic() + 5
    while sum(server.counters.cells) == sum(before) and time.monotonic() < deadline:
        time.sleep(0.01)
    place = EVALUATIONS.index("TARGETING_MATCH")
    assert server.counters.cells[place] == before[place] + 2
