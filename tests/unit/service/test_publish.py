"""Publishing: checked, stored, served, audited, and never half of it."""

import threading
from typing import Any

import msgspec
import pytest

from burgee.errors import (
    AlreadyExistsError,
    IdempotencyReuseError,
    InvalidInputError,
    KeyReservedError,
    LimitExceededError,
    NotFoundError,
    ReadOnlyError,
    StoreFullError,
    UnavailableError,
    VersionConflictError,
)
from burgee.model.change import IdempotencyRecord
from burgee.model.flag import FlagStatus
from burgee.model.json import JsonObject
from burgee.model.limits import Limits
from burgee.ports import AuditQuery
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.flag_publishing import TOMBSTONE_SECONDS
from burgee.service.intent import Precondition, Published
from burgee.testing.builders import an_idempotency_record
from burgee.testing.workshop import ADA, Workshop, broken_document

BROKEN_RULE = {"bogus": [1]}


def actions(workshop: Workshop) -> list[str]:
    return [event.action for event in workshop.store.audit_events(AuditQuery())]


def test_a_published_flag_is_stored_and_served_before_the_call_returns(workshop: Workshop) -> None:
    published = workshop.put("banner")
    flag = workshop.store.flag("default", "banner")
    assert flag is not None
    assert flag == published.flag
    assert (flag.version, flag.created_by, flag.updated_at) == (1, "ada", workshop.clock.now)
    assert published.created
    assert published.flag_set.revision == 1
    assert workshop.evaluate("banner").value is True


def test_the_next_version_keeps_identity_and_creation(workshop: Workshop) -> None:
    first = workshop.put("banner").flag
    workshop.clock.now += 5
    second = workshop.put("banner", default_variant="off").flag
    assert first is not None
    assert second is not None
    assert (second.id, second.created_at, second.version) == (first.id, first.created_at, 2)
    assert second.updated_at == first.updated_at + 5
    assert workshop.evaluate("banner").value is False


def test_the_same_content_again_publishes_nothing(workshop: Workshop) -> None:
    first = workshop.put("banner")
    again = workshop.put("banner")
    assert not again.changed
    assert again.flag == first.flag
    assert again.flag_set.revision == 1
    assert actions(workshop) == ["flag.created"]


def test_the_audit_event_says_who_what_and_from_what(workshop: Workshop) -> None:
    before = workshop.put("banner").flag
    after = workshop.publisher.patch_flag("default", "banner", {"name": "B"}, author=ADA).flag
    event = workshop.store.audit_events(AuditQuery())[0]
    assert (event.action, event.entity, event.revision) == ("flag.updated", "flags/default/banner", 2)
    assert (event.actor, event.request_id, event.reason) == ("ada", "request-1", "because")
    assert (event.before, event.after) == (msgspec.to_builtins(before), msgspec.to_builtins(after))


@pytest.mark.parametrize("version", [0, 2])
def test_a_version_that_is_not_the_current_one_changes_nothing(workshop: Workshop, version: int) -> None:
    workshop.put("banner")
    with pytest.raises(VersionConflictError) as caught:
        workshop.publisher.patch_flag(
            "default", "banner", {"name": "x"}, author=ADA, precondition=Precondition(version=version)
        )
    assert caught.value.current == 1
    assert actions(workshop) == ["flag.created"]


def test_the_current_version_lets_a_change_through(workshop: Workshop) -> None:
    workshop.put("banner")
    published = workshop.publisher.patch_flag(
        "default", "banner", {"name": "x"}, author=ADA, precondition=Precondition(version=1)
    )
    assert published.flag is not None
    assert published.flag.version == 2


def test_a_create_only_put_refuses_an_existing_flag(workshop: Workshop) -> None:
    flag = workshop.put("banner").flag
    assert flag is not None
    only_new = Precondition(must_not_exist=True)
    draft = workshop.publisher.put_flag
    with pytest.raises(AlreadyExistsError):
        draft("default", "banner", _draft(default_variant="off"), author=ADA, precondition=only_new)
    assert draft("default", "other", _draft(), author=ADA, precondition=only_new).created


def test_a_refused_flag_leaves_everything_as_it_was(workshop: Workshop) -> None:
    workshop.put("banner")
    with pytest.raises(InvalidInputError) as caught:
        workshop.put("banner", variants={"on": 1, "off": "no"}, default_variant="gone", targeting=BROKEN_RULE)
    pointers = {fault.pointer.split("/")[1] for fault in caught.value.faults}
    assert {"defaultVariant", "targeting"} <= pointers
    assert workshop.evaluate("banner").value is True
    assert workshop.live.current.revisions == {"default": 1}


def test_an_ill_typed_patch_names_every_place(workshop: Workshop) -> None:
    workshop.put("banner")
    with pytest.raises(InvalidInputError) as caught:
        workshop.publisher.patch_flag("default", "banner", {"status": "ON", "nme": "x"}, author=ADA)
    assert {fault.pointer for fault in caught.value.faults} == {"/status", "/nme"}


def test_a_merge_patch_removes_with_null(workshop: Workshop) -> None:
    workshop.put("banner", metadata={"team": "a", "old": True})
    patch: JsonObject = {"metadata": {"old": None, "new": 1}, "variants": {"off": None}}
    flag = workshop.publisher.patch_flag("default", "banner", patch, author=ADA).flag
    assert flag is not None
    assert flag.metadata == {"team": "a", "new": 1}
    assert flag.variants == {"on": True}


@pytest.mark.parametrize("act", ["patch_flag", "delete_flag", "restore_flag"])
def test_what_does_not_exist_is_not_found(workshop: Workshop, act: str) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "patch_flag": {"patch": {}},
        "delete_flag": {},
        "restore_flag": {"revision": 1},
    }
    with pytest.raises(NotFoundError):
        getattr(workshop.publisher, act)("default", "nothing", author=ADA, **arguments[act])


def test_a_deleted_flag_is_gone_from_evaluation_but_not_from_history(workshop: Workshop) -> None:
    workshop.put("banner")
    published = workshop.publisher.delete_flag("default", "banner", author=ADA)
    assert published.flag is None
    assert published.before is not None
    assert "banner" not in workshop.live.current.programs["default"].flags
    assert [step.version for step in workshop.store.flag_versions("default", "banner")] == [2, 1]


@pytest.mark.parametrize(("later", "free"), [(-0.5, False), (0, True), (0.5, True)])
def test_a_deleted_key_is_reserved_for_thirty_days(workshop: Workshop, later: float, free: bool) -> None:
    workshop.put("banner")
    workshop.publisher.delete_flag("default", "banner", author=ADA)
    workshop.clock.now += TOMBSTONE_SECONDS + later
    if free:
        assert workshop.put("banner").created
        return
    with pytest.raises(KeyReservedError) as caught:
        workshop.put("banner")
    assert caught.value.until == workshop.clock.now - later


def test_force_gives_a_reserved_key_to_another_flag_that_counts_on(workshop: Workshop) -> None:
    first = workshop.put("banner").flag
    workshop.publisher.delete_flag("default", "banner", author=ADA)
    again = workshop.publisher.put_flag("default", "banner", _draft(), author=ADA, force=True).flag
    assert first is not None
    assert again is not None
    assert again.version == 3
    assert again.id != first.id


def test_restoring_makes_a_new_version_with_the_old_content(workshop: Workshop) -> None:
    first = workshop.put("banner").flag
    workshop.put("banner", default_variant="off")
    published = workshop.publisher.restore_flag("default", "banner", revision=1, author=ADA)
    assert first is not None
    assert published.flag is not None
    assert published.flag.default_variant == "on"
    assert (published.flag.version, published.flag.id) == (3, first.id)
    assert actions(workshop)[0] == "flag.restored"


def test_a_deleted_flag_is_restored_as_itself_without_force(workshop: Workshop) -> None:
    first = workshop.put("banner").flag
    workshop.publisher.delete_flag("default", "banner", author=ADA)
    restored = workshop.publisher.restore_flag("default", "banner", revision=1, author=ADA).flag
    assert first is not None
    assert restored is not None
    assert (restored.id, restored.created_at, restored.version) == (first.id, first.created_at, 3)
    with pytest.raises(NotFoundError):
        workshop.publisher.restore_flag("default", "banner", revision=2, author=ADA)


@pytest.mark.parametrize(("revision", "there"), [(2, True), (3, True), (4, False), (99, False)])
def test_only_a_revision_that_the_set_has_reached_is_restored(
    workshop: Workshop, revision: int, there: bool
) -> None:
    workshop.put("banner")
    workshop.put("banner", default_variant="off")
    workshop.put("other")
    if there:
        restored = workshop.publisher.restore_flag("default", "banner", revision=revision, author=ADA)
        assert not restored.changed
    else:
        with pytest.raises(NotFoundError, match="revision 3"):
            workshop.publisher.restore_flag("default", "banner", revision=revision, author=ADA)
    assert workshop.live.current.revisions == {"default": 3}


def test_a_flag_set_is_created_changed_and_keeps_its_flags(workshop: Workshop) -> None:
    publisher = workshop.publisher
    created = publisher.put_flag_set("shop", FlagSetDraft(priority=1), author=ADA)
    workshop.put("banner", flag_set="shop")
    changed = publisher.patch_flag_set("shop", {"metadata": {"stage": "prod"}}, author=ADA)
    assert created.created
    assert not changed.created
    assert changed.flag_set.revision == 3
    assert (changed.flag_set.priority, changed.flag_set.metadata) == (1, {"stage": "prod"})
    assert "banner" in workshop.live.current.programs["shop"].flags
    assert actions(workshop) == ["flag_set.updated", "flag.created", "flag_set.created"]


def test_the_default_flag_set_can_be_patched_before_anything_is_in_it(workshop: Workshop) -> None:
    assert workshop.publisher.patch_flag_set("default", {"source": "x"}, author=ADA).flag_set.source == "x"
    with pytest.raises(NotFoundError):
        workshop.publisher.patch_flag_set("other", {"source": "x"}, author=ADA)


def test_a_set_precondition_is_its_revision(workshop: Workshop) -> None:
    workshop.publisher.put_flag_set("shop", FlagSetDraft(), author=ADA)
    with pytest.raises(VersionConflictError) as caught:
        workshop.publisher.put_flag_set(
            "shop", FlagSetDraft(source="a"), author=ADA, precondition=Precondition(version=2)
        )
    assert caught.value.current == 1
    assert not workshop.publisher.put_flag_set("shop", FlagSetDraft(), author=ADA).changed


def test_an_evaluator_that_a_flag_uses_cannot_be_taken_away(workshop: Workshop) -> None:
    rule = {"if": [{"$ref": "gold"}, "on", "off"]}
    evaluators: dict[str, JsonObject] = {"gold": {"==": [{"var": "tier"}, "gold"]}}
    workshop.publisher.put_flag_set("shop", FlagSetDraft(evaluators=evaluators), author=ADA)
    workshop.put("banner", flag_set="shop", targeting=rule)
    with pytest.raises(InvalidInputError, match="banner"):
        workshop.publisher.put_flag_set("shop", FlagSetDraft(), author=ADA)


@pytest.mark.parametrize("key", ["", "a/b", "é", "x" * 129])
def test_a_flag_set_key_is_checked_like_any(workshop: Workshop, key: str) -> None:
    with pytest.raises(InvalidInputError):
        workshop.put("banner", flag_set=key)
    with pytest.raises(InvalidInputError):
        workshop.put(key)


def test_one_flag_over_the_limit_of_a_set_is_refused() -> None:
    workshop = Workshop(limits=Limits(flags_per_set=2))
    workshop.put("a")
    workshop.put("b")
    with pytest.raises(LimitExceededError):
        workshop.put("c")
    assert workshop.put("b", default_variant="off").changed


def test_an_answer_is_remembered_with_the_change(workshop: Workshop) -> None:
    seen: list[Published] = []

    def remember(published: Published) -> IdempotencyRecord:
        seen.append(published)
        return an_idempotency_record(key="k", actor="ada", expires_at=workshop.clock.now + 60)

    published = workshop.publisher.put_flag("default", "banner", _draft(), author=ADA, remember=remember)
    assert seen == [published]
    record = workshop.publisher.recall("k", actor="ada", fingerprint="ab" * 32)
    assert record is not None
    assert workshop.publisher.recall("k", actor="bob", fingerprint="ab" * 32) is None
    with pytest.raises(IdempotencyReuseError):
        workshop.publisher.recall("k", actor="ada", fingerprint="cd" * 32)


@pytest.mark.parametrize("error", [StoreFullError("full"), ReadOnlyError("read only")])
def test_a_store_that_refuses_leaves_the_old_answer(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, error: UnavailableError
) -> None:
    workshop.put("banner")

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(workshop.store, "commit", refuse)
    with pytest.raises(type(error)):
        workshop.put("banner", default_variant="off")
    assert workshop.evaluate("banner").value is True


def test_a_publisher_that_was_overtaken_builds_on_the_newer_state(workshop: Workshop) -> None:
    other = Workshop(workshop.store, clock=workshop.clock)
    workshop.put("a")
    other.put("b")
    workshop.put("c")
    assert list(workshop.live.current.programs["default"].flags) == ["a", "b", "c"]


def test_a_store_that_lost_what_is_served_takes_no_publish(workshop: Workshop) -> None:
    workshop.put("banner")
    emptied = Workshop(clock=workshop.clock)
    emptied.live.swap(workshop.live.current)
    with pytest.raises(UnavailableError, match="lost"):
        emptied.put("banner", default_variant="off")
    assert emptied.evaluate("banner").value is True


def test_only_the_changed_flag_is_compiled_again(workshop: Workshop) -> None:
    workshop.put("a")
    workshop.put("b")
    before = dict(workshop.live.current.programs["default"].flags)
    workshop.put("b", default_variant="off")
    after = workshop.live.current.programs["default"].flags
    assert after["a"] is before["a"]
    assert after["b"] is not before["b"]


@pytest.mark.parametrize("processes", [1, 2])
def test_eight_threads_patching_one_flag_lose_no_update(workshop: Workshop, processes: int) -> None:
    workshop.put("shared")
    shops = [workshop, Workshop(workshop.store, clock=workshop.clock)][:processes]
    failures: list[Exception] = []

    def patch(thread: int) -> None:
        for edit in range(10):
            try:
                shops[thread % processes].publisher.patch_flag(
                    "default", "shared", {"metadata": {f"t{thread}-{edit}": True}}, author=ADA
                )
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=patch, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flag = workshop.store.flag("default", "shared")
    assert failures == []
    assert flag is not None
    assert len(flag.metadata) == 80
    assert flag.version == 81


def test_a_flag_with_a_broken_rule_can_still_be_disabled(workshop: Workshop) -> None:
    workshop.publisher.import_documents([broken_document()], author=ADA, lenient=True)
    flag = workshop.publisher.patch_flag("default", "broken", {"status": "DISABLED"}, author=ADA).flag
    assert flag is not None
    assert flag.status is FlagStatus.DISABLED
    with pytest.raises(InvalidInputError):
        workshop.publisher.patch_flag("default", "broken", {"targeting": {"bogus": 3}}, author=ADA)


def _draft(**content: Any) -> FlagDraft:
    return FlagDraft(**{"variants": {"on": True, "off": False}, "default_variant": "on", **content})


def test_an_id_that_was_chosen_is_that_of_a_new_flag_and_of_no_other(workshop: Workshop) -> None:
    draft = FlagDraft(variants={"on": True}, default_variant="on")

    def put(new_id: str, **content: Any) -> str:
        changed = msgspec.structs.replace(draft, **content)
        flag = workshop.publisher.put_flag("shop", "banner", changed, author=ADA, new_id=new_id).flag
        assert flag is not None
        return flag.id

    assert put("first") == "first"
    assert put("second", name="changed") == "first"
