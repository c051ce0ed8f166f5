"""Mappings of a source service are adopted in rounds: all of them, without delaying a start."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb import source_overrides  # noqa: E402
from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.open import open_dynamodb_stores  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.source_overrides import AdoptionRounds, SourceOverrides  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames  # noqa: E402
from burgee.errors import UnavailableError  # noqa: E402
from burgee.testing.aws.dynamodb_stores import patient_client  # noqa: E402
from burgee.testing.aws.source_items import a_source_flag, a_source_mapping  # noqa: E402
from burgee.testing.aws.source_service import SourceService  # noqa: E402
from burgee.testing.builders import THE_DAY  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402

pytestmark = pytest.mark.aws

FLAG = "5fa5f0d5-9f0e-4a38-8f21-000000000001"
MAPPINGS = 60
PAGE, BATCH = 20, 5


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_overrides, "SCANNED_AT_ONCE", PAGE)
    monkeypatch.setattr(source_overrides, "AT_ONCE", BATCH)


@pytest.fixture
def store(client: DynamoClient) -> DynamoFlagStore:
    store = DynamoFlagStore(client, lambda: THE_DAY)
    SourceService(client).put("featureFlag", a_source_flag(FLAG, "Dark mode"))
    store.adopt()
    client.write_many(
        ("featureFlagUserMapping", {"PutRequest": {"Item": a_source_mapping(f"u{number:03d}", FLAG)}})
        for number in range(MAPPINGS)
    )
    return store


def adopted(store: DynamoFlagStore) -> int:
    return DynamoOverrideStore(store).override_mark().count


def ticking() -> Callable[[], float]:
    """A clock on which a second goes by with every look at it."""
    seconds: Iterator[int] = iter(range(10_000))
    return lambda: float(next(seconds))


def test_a_round_ends_in_its_time_and_the_next_one_goes_on_there(store: DynamoFlagStore) -> None:
    counts = []
    while True:
        is_done = SourceOverrides(store, monotonic=ticking()).go_on(seconds=4)
        counts.append(adopted(store))
        if is_done:
            break
    assert counts[-1] == MAPPINGS
    assert len(counts) >= MAPPINGS / (4 * BATCH)
    assert all(
        0 < later - earlier <= 4 * BATCH for earlier, later in pairwise([0, *counts]) if later < MAPPINGS
    )
    assert sorted(DynamoOverrideStore(store).overridden_subjects()) == [f"u{n:03d}" for n in range(MAPPINGS)]
    assert disagreements(store) == []


def test_a_later_round_does_not_read_the_pages_before_it_again(
    store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = list[Any]()
    scan_pages = DynamoClient.scan_pages

    def noted(self: DynamoClient, table: str, *, after: Any, **request: Any) -> Any:
        starts.append(after)
        return scan_pages(self, table, after=after, **request)

    monkeypatch.setattr(DynamoClient, "scan_pages", noted)
    while not SourceOverrides(store, monotonic=ticking()).go_on(seconds=PAGE // BATCH + 1):
        pass
    assert starts[0] is None
    assert all(starts[1:])
    assert len({str(each) for each in starts}) == len(starts)


def test_what_was_interrupted_is_gone_through_whole_by_who_wants_all(store: DynamoFlagStore) -> None:
    assert SourceOverrides(store, monotonic=ticking()).go_on(seconds=PAGE // BATCH + 1) is False
    source = SourceService(store.client)
    (first, *_) = DynamoOverrideStore(store).overrides_of_flag("default", "dark-mode") or [None]
    assert first is not None
    source.patch_mapping(first.targeting_key, FLAG, "ENABLED")
    assert SourceOverrides(store).adopt() == MAPPINGS - PAGE + 1
    assert adopted(store) == MAPPINGS
    assert SourceOverrides(store).is_done()
    assert SourceOverrides(store).adopt() == 0
    assert SourceOverrides(store).is_done()


def test_two_machines_at_once_adopt_each_mapping_once(
    store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, adopt, met = SourceOverrides(store), DynamoOverrideStore.adopt, list[int]()

    def overtaken(self: DynamoOverrideStore, items: Any) -> int:
        if not met:
            met.append(1)
            other.adopt()
        return adopt(self, items)

    monkeypatch.setattr(DynamoOverrideStore, "adopt", overtaken)
    SourceOverrides(store).adopt()
    assert adopted(store) == MAPPINGS
    listed = DynamoOverrideStore(store).overrides_of_flag("default", "dark-mode")
    assert [each.version for each in listed] == [2] * MAPPINGS
    assert disagreements(store) == []


def test_a_start_adopts_for_its_time_and_hands_on_the_rest(
    store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burgee.adapters.dynamodb.open.ADOPTION_SECONDS", 0.0)

    def opened() -> Any:
        return open_dynamodb_stores(TableNames(), lambda: THE_DAY, client=store.client)

    stores = opened()
    assert adopted(store) == BATCH
    monkeypatch.setattr(stores.go_on, "_seconds", 600.0)
    stores.go_on()
    assert (adopted(store), stores.go_on.is_done) == (MAPPINGS, True)
    assert opened().go_on is None


def test_mappings_of_no_flag_are_passed_over_and_hold_up_nothing(
    store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SourceService(store.client)
    for number in range(PAGE):
        source.put("featureFlagUserMapping", a_source_mapping(f"a{number:03d}", "no-such-flag"))
    rounds = 0
    while not SourceOverrides(store).go_on(seconds=0):
        rounds += 1
        assert rounds < 3 * MAPPINGS
    assert adopted(store) == MAPPINGS


def test_a_server_that_runs_adopts_all_of_them(
    store: DynamoFlagStore, serial_moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from burgee.bootstrap import open_application
    from burgee.settings import Settings, StoreKind

    monkeypatch.setattr("burgee.adapters.dynamodb.open.ADOPTION_SECONDS", 0.0)
    monkeypatch.setattr("burgee.bootstrap.ADOPTION_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("burgee.adapters.dynamodb.open.dynamodb_client", lambda: patient_client(serial_moto))
    monkeypatch.setenv("AWS_ENDPOINT_URL", serial_moto)
    with open_application(Settings(store=StoreKind.DYNAMODB), threads=True):
        give_up = time.monotonic() + 60
        while adopted(store) < MAPPINGS:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    assert DynamoOverrideStore(store).override_mark().count == MAPPINGS


def test_a_store_that_fails_is_asked_again_in_the_next_round(
    store: DynamoFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = AdoptionRounds(store, seconds=600)
    with monkeypatch.context() as patch:

        def fails(self: DynamoOverrideStore, items: Any) -> int:
            raise UnavailableError("away")

        patch.setattr(DynamoOverrideStore, "adopt", fails)
        rounds()
    assert (rounds.is_done, adopted(store)) == (False, 0)
    rounds()
    assert (rounds.is_done, adopted(store)) == (True, MAPPINGS)
