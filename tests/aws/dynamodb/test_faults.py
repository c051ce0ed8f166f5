"""What DynamoDB does to a store on a bad day: F9 to F14 of the reliability reference, and R21."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient, dynamodb_client  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.items import flag_item  # noqa: E402
from burgee.adapters.dynamodb.layout import MAX_ITEM_BYTES, item_bytes  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.publishes import Publishes  # noqa: E402
from burgee.adapters.dynamodb.sdk_keys import DynamoSdkKeys  # noqa: E402
from burgee.adapters.dynamodb.sign_in_codes import DynamoSignInCodes  # noqa: E402
from burgee.errors import LimitExceededError, UnavailableError, VersionConflictError  # noqa: E402
from burgee.model.audit import first_broken  # noqa: E402
from burgee.model.flag import Flag  # noqa: E402
from burgee.ports import TokenClaims  # noqa: E402
from burgee.service.authentication import Authentication  # noqa: E402
from burgee.service.sdk_key_verifier import LOOK_SECONDS, SdkKeyVerifier  # noqa: E402
from burgee.testing.aws.dynamodb_stores import patient_client  # noqa: E402
from burgee.testing.aws.emulators import black_hole  # noqa: E402
from burgee.testing.aws.lossy_proxy import LossyProxy  # noqa: E402
from burgee.testing.builders import THE_DAY, a_change_set, a_flag, a_flag_set, an_audit_draft  # noqa: E402
from burgee.testing.override_builders import override_subject  # noqa: E402
from burgee.testing.publishing import next_change, publish  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402
from burgee.testing.workshop import HandClock  # noqa: E402

pytestmark = pytest.mark.aws


@pytest.fixture
def store(client: DynamoClient) -> DynamoFlagStore:
    return DynamoFlagStore(client, lambda: THE_DAY)


@pytest.fixture
def proxy(serial_moto: str, client: DynamoClient) -> Iterator[LossyProxy]:
    with LossyProxy.in_front_of(serial_moto) as proxy:
        yield proxy


def behind(proxy: LossyProxy) -> DynamoFlagStore:
    return DynamoFlagStore(patient_client(proxy.url), lambda: THE_DAY)


# --- F10, F9: no answer, or a refusal


def test_f10_a_black_hole_ends_every_call_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as url:
        store = DynamoFlagStore(dynamodb_client(endpoint=url), lambda: THE_DAY)
        for call in (
            lambda: store.append_audit(an_audit_draft()),
            lambda: store.commit([a_change_set(flag_set=a_flag_set(revision=1))]),
            lambda: store.snapshot("checkout"),
            lambda: store.change_token(),
            lambda: DynamoOverrideStore(store).override("checkout", "banner-colour", "ada"),
        ):
            started = time.monotonic()
            with pytest.raises(UnavailableError) as caught:
                call()
            assert time.monotonic() - started < 2.0
            assert caught.value.retry_after >= 1


def test_f10_a_closed_port_is_tried_twice_and_no_more() -> None:
    store = DynamoFlagStore(dynamodb_client(endpoint="http://127.0.0.1:9"), lambda: THE_DAY)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        store.change_token()
    assert time.monotonic() - started < 2.0


def test_f9_a_throttled_table_refuses_writes_and_is_asked_twice_at_most(
    proxy: LossyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    answer = proxy.answer

    def counted(operation: str, headers: dict[str, str], body: bytes) -> Any:
        calls.append(operation)
        return answer(operation, headers, body)

    monkeypatch.setattr(proxy, "answer", counted)
    proxy.throttle = True
    store = behind(proxy)
    with pytest.raises(UnavailableError, match="throttles"):
        store.append_audit(an_audit_draft())
    assert calls == ["GetItem", "GetItem"]
    proxy.throttle = False
    assert store.append_audit(an_audit_draft()).sequence == 1


class Unreachable:
    """A client of boto3 that nothing comes back from; it counts who tries."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            self.calls.append(name)
            raise UnavailableError("no answer")

        return call


def test_f10_a_signed_token_is_judged_without_a_look_at_the_key_store() -> None:
    raw = Unreachable()
    keys = DynamoSdkKeys(DynamoFlagStore(DynamoClient(raw, read_seconds=1, total_seconds=2), lambda: THE_DAY))
    look = HandClock()
    access = Authentication(SdkKeyVerifier(keys, AnyToken(), HandClock(), look=look), HandClock())
    for _ in range(5):
        assert access.authenticate("a.b.c").subject == "ada"
        look.now += LOOK_SECONDS
    assert raw.calls == []
    with pytest.raises(UnavailableError):
        access.authenticate(f"bgs_{'0' * 16}_{'s' * 43}")
    assert set(raw.calls) == {"batch_get_item"}


class AnyToken:
    """A TokenVerifier that believes everything."""

    def verify(self, _: str) -> TokenClaims:
        return TokenClaims(subject="ada", role="reader", issued_at=0, expires_at=1e12)

    def generation(self) -> int:
        return 0

    def await_keys(self) -> None:
        return


# --- F12: the answer is lost, the write is not


def test_f12_a_write_whose_answer_is_lost_is_made_exactly_once(
    proxy: LossyProxy, store: DynamoFlagStore
) -> None:
    lossy = behind(proxy)
    for number in range(20):
        proxy.lose_next("TransactWriteItems")
        (event,) = publish(lossy, a_flag(key=f"k{number}"))
        assert event.sequence == number + 1
    assert proxy.lost == 20
    assert store.audit_head()[0] == 20
    assert [flag.version for flag in store.snapshot("checkout").flags] == [1] * 20  # type: ignore[union-attr]
    assert disagreements(store) == []


LOST_ANSWERS = int(os.environ.get("BURGEE_LOST_ANSWERS_EXAMPLES", "60"))
STAGED = (("PutItem", 0), ("TransactWriteItems", 0), ("TransactWriteItems", 1))
"""What may be lost of a staged commit: a part, the decision, and what is written out of it."""
MANY = 30
"""More flags than one transaction holds, with all that is written for each."""


def test_f12_of_many_writes_of_every_kind_whose_answers_are_lost_each_is_made_once(
    proxy: LossyProxy, store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # nobody else writes: pauses would be all it does
    lossy = behind(proxy)
    overrides, codes = DynamoOverrideStore(lossy), DynamoSignInCodes(lossy.client, lossy.names)
    versions: Counter[str] = Counter()
    recorded = staged = 0

    def put(*keys: str) -> None:
        nonlocal recorded
        recorded += len(publish(lossy, *(a_flag(key=key, name=f"n{versions[key]}") for key in keys)))
        versions.update(keys)

    for number in range(LOST_ANSWERS):
        kind = number % 10
        before = proxy.lost
        if number >= LOST_ANSWERS - len(STAGED):  # last, as an emulator is slow with much in its tables
            operation, after = STAGED[staged]
            proxy.lose_next(operation, after=after)
            put(*(f"many-{each}" for each in range(MANY)))
            staged += 1
        elif kind < 6:
            proxy.lose_next("TransactWriteItems")
            put(f"k{number % 7}")
        elif kind < 9:
            proxy.lose_next("TransactWriteItems")
            override_subject(overrides, f"u{number}")
            recorded += 1
        else:
            proxy.lose_next("PutItem")
            codes.put(f"code-{number}", expires_at=THE_DAY + 60)
            assert codes.take(f"code-{number}", now=THE_DAY)
            assert not codes.take(f"code-{number}", now=THE_DAY)
        assert proxy.lost == before + 1, number
    assert proxy.lost == LOST_ANSWERS
    assert staged == len(STAGED)
    assert store.audit_head()[0] == recorded
    snapshot = store.snapshot("checkout")
    assert snapshot is not None
    assert {flag.key: flag.version for flag in snapshot.flags} == versions
    events = [
        event for first in range(1, recorded + 1, 100) for event in store.audit_range(first=first, limit=100)
    ]
    assert first_broken(events) is None
    assert len({event.sequence for event in events}) == recorded
    assert disagreements(store) == []


def test_f12_a_tenth_of_all_answers_may_be_lost(proxy: LossyProxy, store: DynamoFlagStore) -> None:
    """A caller that is told of an outage looks whether its change is there, as a retried request does."""
    lossy, overrides = behind(proxy), DynamoOverrideStore(behind(proxy))
    proxy.lose(0.1)
    outages = 0
    for number in range(30):
        while True:
            flag = store.flag("checkout", f"k{number % 3}")
            if flag is not None and flag.name == f"n{number}":
                break
            try:
                publish(lossy, a_flag(key=f"k{number % 3}", name=f"n{number}"))
            except UnavailableError:
                outages += 1
        while DynamoOverrideStore(store).override("checkout", "banner-colour", f"u{number}") is None:
            try:
                override_subject(overrides, f"u{number}")
            except UnavailableError:
                outages += 1
    proxy.lose(0.0)
    assert proxy.lost > 10 > outages
    assert store.audit_head()[0] == 60
    assert DynamoOverrideStore(store).override_mark().count == 30
    assert disagreements(store) == []


# --- F14: many at once


def test_f14_of_64_writers_of_one_flag_each_gets_an_answer_and_none_an_outage(
    serial_moto: str, store: DynamoFlagStore
) -> None:
    publish(store, a_flag())
    start, outcomes = threading.Barrier(64), list[str]()

    def write(number: int) -> None:
        start.wait()
        try:
            publish(store, a_flag(name=f"n{number}"))
        except VersionConflictError:
            outcomes.append("conflict")
        except Exception as error:
            outcomes.append(repr(error))
        else:
            outcomes.append("written")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"written", "conflict"}
    flag = store.flag("checkout", "banner-colour")
    assert flag is not None
    assert flag.version == 1 + outcomes.count("written") >= 2
    assert disagreements(store) == []


def test_f14_writers_of_different_things_all_get_through(store: DynamoFlagStore) -> None:
    overrides = DynamoOverrideStore(store)
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(3):
                override_subject(overrides, f"u{number}-{turn}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert overrides.override_mark().count == 18
    assert first_broken(store.audit_range(first=1, limit=100)) is None


# --- F11: pages and leftovers


class Stingy:
    """A client of boto3 that does one item of each batch, and has one item on each page."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.batches = self.pages = 0

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
        table, request = next(iter(RequestItems.items()))
        one = {**request, "Keys": request["Keys"][:1]}
        answer = self._raw.batch_get_item(RequestItems={table: one})
        left = {**RequestItems, table: {**request, "Keys": request["Keys"][1:]}}
        answer["UnprocessedKeys"] = {name: each for name, each in left.items() if each["Keys"]}
        self.batches += 1
        return answer

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:
        table, requests = next(iter(RequestItems.items()))
        answer = self._raw.batch_write_item(RequestItems={table: requests[:1]})
        left = {**RequestItems, table: requests[1:]}
        answer["UnprocessedItems"] = {name: each for name, each in left.items() if each}
        self.batches += 1
        return answer

    def query(self, **request: Any) -> Any:
        self.pages += 1
        return self._raw.query(**(request | {"Limit": 1}))

    def scan(self, **request: Any) -> Any:
        self.pages += 1
        return self._raw.scan(**(request | {"Limit": 1}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def test_f11_what_a_batch_leaves_and_what_is_on_further_pages_is_read_and_written(
    client: DynamoClient,
) -> None:
    raw = Stingy(client._raw)
    stingy = DynamoClient(raw, read_seconds=20, total_seconds=60)
    store = DynamoFlagStore(stingy, lambda: THE_DAY)
    publish(store, *(a_flag(key=f"k{number}") for number in range(7)))
    stingy.write_many(
        ("burgee", {"PutRequest": {"Item": {"pk": {"S": "x"}, "sk": {"S": str(number)}}}})
        for number in range(7)
    )
    found = stingy.get_many(("burgee", {"pk": {"S": "x"}, "sk": {"S": str(number)}}) for number in range(9))
    assert len(found) == 7
    snapshot = store.snapshot("checkout")
    assert snapshot is not None
    assert len(snapshot.flags) == 7
    assert len(store.changes_since("checkout", 0)) == 7
    assert raw.batches > 14
    assert raw.pages > 7


def test_f11_a_batch_that_is_never_done_is_an_error_and_no_partial_answer(client: DynamoClient) -> None:
    class Never(Stingy):
        def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    never = DynamoClient(Never(client._raw), read_seconds=0.1, total_seconds=0.3)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="undone"):
        never.get_many([("burgee", {"pk": {"S": "x"}, "sk": {"S": "1"}})])
    assert time.monotonic() - started < 1.0


# --- F13: read your writes


def test_f13_every_read_of_the_store_is_consistent(client: DynamoClient) -> None:
    asked: list[tuple[str, Any]] = []

    class Noting(Stingy):
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                asked.append((name, request.get("ConsistentRead")))
                return getattr(self._raw, name)(**request)

            return call

        def query(self, **request: Any) -> Any:
            asked.append(("query", request.get("ConsistentRead")))
            return self._raw.query(**request)

        def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
            asked.extend(("batch", each.get("ConsistentRead")) for each in RequestItems.values())
            return self._raw.batch_get_item(RequestItems=RequestItems)

    store = DynamoFlagStore(
        DynamoClient(Noting(client._raw), read_seconds=20, total_seconds=60), lambda: THE_DAY
    )
    overrides = DynamoOverrideStore(store)
    publish(store, a_flag())
    override_subject(overrides, "ada")
    store.snapshot("checkout")
    store.flag_versions("checkout", "banner-colour")
    store.audit_range(first=1, limit=10)
    overrides.overrides_of_subject("ada")
    overrides.overrides_of_flag("checkout", "banner-colour")
    assert len(asked) > 10
    assert [each for each in asked if each[0] != "transact_write_items" and each[1] is not True] == []


# --- R21: the size of an item


def of_size(size: int) -> Flag:
    flag = a_flag(key="big", version=1, description="")
    # The description is in the item twice, as the source has it and in the document; a tag is there once.
    missing = size - item_bytes(flag_item(flag))
    tags = ("banner", "kept ünicode" + "x" * (missing % 2))
    return a_flag(key="big", version=1, description="x" * (missing // 2), tags=tags)


@pytest.mark.parametrize(("kilobytes", "is_taken"), [(399, True), (401, False)])
def test_a_flag_that_no_item_can_hold_is_refused_with_its_name_and_size(
    store: DynamoFlagStore, kilobytes: int, is_taken: bool
) -> None:
    change = a_change_set([of_size(kilobytes * 1024)])
    publishes = Publishes(store.client, store.names, now=THE_DAY, seen={})
    if is_taken:
        assert publishes.actions([change])
        return
    with pytest.raises(LimitExceededError, match=r"flag big is \d+ bytes .* 409600 are allowed"):
        store.commit([change])
    assert store.flag_sets() == ()
    assert store.audit_head()[0] == 0


@pytest.mark.parametrize(("more", "is_taken"), [(-2, True), (0, True), (2, False)])
def test_the_limit_is_that_of_dynamodb_to_the_byte(dynalite_url: str, more: int, is_taken: bool) -> None:
    item = flag_item(of_size(MAX_ITEM_BYTES + more))
    assert (item_bytes(item) <= MAX_ITEM_BYTES) is is_taken
    dynalite = patient_client(dynalite_url)
    dynalite.call(
        "create_table",
        TableName="featureFlag",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    if is_taken:
        dynalite.call("put_item", TableName="featureFlag", Item=item)
    else:
        with pytest.raises(LimitExceededError):
            dynalite.call("put_item", TableName="featureFlag", Item=item)


def test_a_publish_after_a_refused_one_goes_on(store: DynamoFlagStore) -> None:
    with pytest.raises(LimitExceededError):
        store.commit([next_change(store, of_size(401 * 1024))])
    publish(store, a_flag())
    assert store.audit_head()[0] == 1
