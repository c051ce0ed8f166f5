"""Commits that no transaction holds: staged, decided at once, written out by whoever is there."""

from collections.abc import Callable
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.actions import MAX_ACTIONS  # noqa: E402
from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.commits import Writer  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.errors import VersionConflictError  # noqa: E402
from burgee.model.flag import Flag  # noqa: E402
from burgee.ports import FlagStore  # noqa: E402
from burgee.testing.builders import THE_DAY, a_change_set, a_flag, a_flag_set, an_idempotency_record  # noqa: E402
from burgee.testing.override_builders import an_override, an_override_change  # noqa: E402
from burgee.testing.publishing import next_change, publish  # noqa: E402
from burgee.testing.store_checks import disagreements  # noqa: E402

pytestmark = pytest.mark.aws

MANY = 60
"""More than 99 items that change: two chunks."""

FAR = 5


class PowerCut(Exception):
    """The process ends here."""


@pytest.fixture
def make(client: DynamoClient) -> Callable[[], DynamoFlagStore]:
    return lambda: DynamoFlagStore(client, lambda: THE_DAY)


def many(count: int = MANY, **changes: Any) -> list[Flag]:
    return [a_flag(key=f"k{number:04d}", id=f"id-{number}", **changes) for number in range(count)]


def staged(client: DynamoClient) -> list[str]:
    return [item["pk"]["S"] for item in client.scan("burgee") if item["pk"]["S"].startswith("staged#")]


def names_of(store: FlagStore) -> set[str]:
    snapshot = store.snapshot("checkout")
    return {flag.name for flag in snapshot.flags} if snapshot is not None else set()


def cut_after(monkeypatch: pytest.MonkeyPatch, transactions: int) -> None:
    """The process ends after so many transactions."""
    transact, left = Writer._transact, [transactions]

    def cut(self: Writer, items: list[dict[str, Any]]) -> None:
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1
        transact(self, items)

    monkeypatch.setattr(Writer, "_transact", cut)


# One flag is four actions: its item, its key, its history and its event; beside them the set, what the
# revision changed, and the head.
@pytest.mark.parametrize("count", [(MAX_ACTIONS - 3) // 4, (MAX_ACTIONS - 3) // 4 + 1, MANY])
def test_just_below_at_and_far_above_one_transaction_all_is_there(
    client: DynamoClient, make: Callable[[], DynamoFlagStore], count: int
) -> None:
    store = make()
    publish(store, *many(count), idempotency=an_idempotency_record())
    snapshot = store.snapshot("checkout")
    assert snapshot is not None
    assert [flag.key for flag in snapshot.flags] == [f"k{number:04d}" for number in range(count)]
    assert store.audit_head()[0] == count
    assert store.idempotency_record("7c2f", "grace") == an_idempotency_record()
    assert disagreements(store) == []
    assert staged(client) == []


def test_a_large_commit_that_conflicts_leaves_nothing_behind(
    client: DynamoClient, make: Callable[[], DynamoFlagStore]
) -> None:
    store = make()
    publish(store, a_flag())
    stale = a_change_set(many(version=1), flag_set=a_flag_set(revision=1))
    with pytest.raises(VersionConflictError):
        store.commit([stale])
    assert store.audit_head()[0] == 1
    assert staged(client) == []


@pytest.mark.parametrize("transactions", [0, 1, 2])
def test_a_process_that_ends_on_the_way_has_written_all_or_nothing(
    client: DynamoClient,
    make: Callable[[], DynamoFlagStore],
    monkeypatch: pytest.MonkeyPatch,
    transactions: int,
) -> None:
    """0: nothing is decided; 1: decided and nothing written out; then chunk by chunk."""
    publish(make(), *many(name="before"))
    change = next_change(make(), *many(name="after"))
    with monkeypatch.context() as patch:
        cut_after(patch, transactions)
        with pytest.raises(PowerCut):
            make().commit([change])
    store = make()
    assert names_of(store) == {"before" if transactions == 0 else "after"}
    assert {
        flag.name for flag in (store.flag("checkout", f"k{n:04d}") for n in (0, MANY - 1)) if flag
    } == names_of(store)
    assert store.audit_head()[0] == (MANY if transactions == 0 else 2 * MANY)
    assert disagreements(store) == []
    publish(store, a_flag(key="next"))
    assert store.audit_head()[0] % MANY == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda store: {store.flag("checkout", "k0059").name},
        lambda store: {store.flag_by_id("checkout", "id-59").name},
        lambda store: {step.flag.name for step in store.changes_since("checkout", 1)},
        lambda store: {store.flag_versions("checkout", "k0059", limit=1)[0].flag.name},
        lambda store: {event.after["name"] for event in store.audit_range(first=MANY + 1, limit=1000)},
        names_of,
    ],
)
def test_whoever_reads_first_after_a_decision_reads_what_was_decided(
    make: Callable[[], DynamoFlagStore], monkeypatch: pytest.MonkeyPatch, read: Callable[[Any], set[str]]
) -> None:
    publish(make(), *many(name="before"))
    change = next_change(make(), *many(name="after"))
    with monkeypatch.context() as patch:
        cut_after(patch, 2)
        with pytest.raises(PowerCut):
            make().commit([change])
    assert read(make()) == {"after"}


def test_a_late_helper_does_not_undo_what_was_written_since(
    make: Callable[[], DynamoFlagStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(make(), *many(name="before"))
    slow, quick = make(), make()
    write_out, taken = Writer._write_out, list[object]()

    def overtaken(self: Writer, head: Any, *, actions: Any = None) -> Any:
        if self is slow.writer and not taken:
            taken.append(head)
            publish(quick, *many(2, name="newest"))  # which writes out the other's commit first
        return write_out(self, head, actions=actions)

    monkeypatch.setattr(Writer, "_write_out", overtaken)
    publish(slow, *many(name="after"))
    store = make()
    names = [flag.name for flag in store.snapshot("checkout").flags]  # type: ignore[union-attr]
    assert names == ["newest"] * 2 + ["after"] * (MANY - 2)
    assert disagreements(store) == []


def test_many_overrides_are_one_write(make: Callable[[], DynamoFlagStore]) -> None:
    store = make()
    overrides = DynamoOverrideStore(store)
    subjects = [f"u{number:04d}" for number in range(60)]
    changes = [an_override_change(an_override(targeting_key=subject)) for subject in subjects]
    overrides.write_overrides(changes)
    assert overrides.override_mark().count == 60
    assert sorted(overrides.overridden_subjects()) == subjects
    page = overrides.overrides_of_flag("checkout", "banner-colour", limit=1000)
    assert [each.targeting_key for each in page] == subjects


def test_a_reader_far_behind_reads_the_keys_and_not_every_revision(
    make: Callable[[], DynamoFlagStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burgee.adapters.dynamodb.flag_store.FAR_REVISIONS", FAR)
    store = make()
    publish(store, a_flag(key="a"), a_flag(key="b"), a_flag(key="c"))
    changes = [
        a_change_set(
            [a_flag(key="a", version=revision, name=f"n{revision}")], flag_set=a_flag_set(revision=revision)
        )
        for revision in range(2, FAR + 3)
    ]
    store.commit(changes)
    for since, expected in ((0, ["a", "b", "c"]), (1, ["a"]), (2, ["a"]), (FAR + 2, [])):
        assert [step.key for step in store.changes_since("checkout", since)] == expected


def test_a_large_answer_to_a_request_is_remembered_whole(make: Callable[[], DynamoFlagStore]) -> None:
    import random

    response = random.Random(1).randbytes(700_000)
    record = an_idempotency_record(response=response)
    store = make()
    publish(store, a_flag(), idempotency=record)
    assert store.idempotency_record("7c2f", "grace") == record
