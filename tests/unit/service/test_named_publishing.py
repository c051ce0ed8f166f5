"""Publishing by name: a key that is free, a name that is held once, and refusals that are audited."""

import threading

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.errors import AlreadyExistsError, LimitExceededError, ReadOnlyError
from burgee.model.audit import AuditDraft, AuditEvent
from burgee.model.flag import Flag
from burgee.model.limits import Limits
from burgee.ports import AuditQuery
from burgee.service.drafts import FlagDraft
from burgee.service.flag_publishing import TOMBSTONE_SECONDS
from burgee.testing.workshop import ADA, Workshop

ON = FlagDraft(variants={"on": True, "off": False}, default_variant="on")


def create(workshop: Workshop, name: str) -> Flag:
    flag = workshop.publisher.create_named_flag("default", name, ON, author=ADA).flag
    assert flag is not None
    return flag


def test_the_name_is_kept_to_the_letter_and_the_key_is_its_slug(workshop: Workshop) -> None:
    flag = create(workshop, "  New Checkout: Größe! ")
    assert (flag.name, flag.key) == ("  New Checkout: Größe! ", "new-checkout-groe")
    assert workshop.store.flag("default", flag.key) == flag
    assert workshop.evaluate(flag.key).value is True


def test_a_name_that_is_a_key_is_the_key(workshop: Workshop) -> None:
    assert create(workshop, "newCheckout").key == "newCheckout"


def test_a_slug_that_is_taken_gets_8_digits_of_the_id(workshop: Workshop) -> None:
    first, second, third = (
        create(workshop, name) for name in ("New Checkout", "new-checkout", "NEW checkout")
    )
    assert first.key == "new-checkout"
    for flag in (second, third):
        assert flag.key == f"new-checkout-{flag.id[:8]}"


def test_the_longest_name_has_a_key_even_where_its_slug_is_taken(workshop: Workshop) -> None:
    assert create(workshop, "k" * 128).key == "k" * 128
    workshop.put("k" * 119, name="another")
    flag = create(workshop, "k" * 129)
    assert flag.key == "k" * 119 + "-" + flag.id[:8]


@pytest.mark.parametrize("name", ["New Checkout", "footer"])
def test_a_name_that_is_held_is_refused(workshop: Workshop, name: str) -> None:
    create(workshop, "New Checkout")
    workshop.put("footer")
    with pytest.raises(AlreadyExistsError, match=name):
        create(workshop, name)


@pytest.mark.parametrize(
    ("waited", "is_reserved"), [(TOMBSTONE_SECONDS - 1, True), (TOMBSTONE_SECONDS, False)]
)
def test_a_deleted_name_may_be_given_again_but_not_its_reserved_key(
    workshop: Workshop, waited: float, is_reserved: bool
) -> None:
    first = create(workshop, "banner")
    workshop.publisher.delete_flag("default", "banner", author=ADA)
    workshop.clock.now += waited
    second = create(workshop, "banner")
    assert second.id != first.id
    assert second.key == (f"banner-{second.id[:8]}" if is_reserved else "banner")


def test_a_set_that_is_full_takes_no_more() -> None:
    workshop = Workshop(limits=Limits(flags_per_set=2))
    create(workshop, "one")
    create(workshop, "two")
    with pytest.raises(LimitExceededError):
        create(workshop, "three")


def test_of_many_processes_that_create_one_name_one_wins() -> None:
    first = Workshop()
    processes = [Workshop(first.store, clock=first.clock) for _ in range(8)]
    start, made, refused = threading.Barrier(8), list[Flag](), list[str]()

    def attempt(process: Workshop) -> None:
        start.wait()
        try:
            made.append(create(process, "new checkout"))
        except AlreadyExistsError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=attempt, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 7)
    snapshot = first.store.snapshot("default")
    assert snapshot is not None
    assert [flag.name for flag in snapshot.flags] == ["new checkout"]


def test_a_refused_deletion_is_audited_and_publishes_nothing(workshop: Workshop) -> None:
    create(workshop, "banner")
    workshop.publisher.record_refused_deletion("default", "banner", author=ADA, reason="not allowed")
    newest = workshop.store.audit_events(AuditQuery())[0]
    assert (newest.action, newest.actor, newest.after) == ("flag.deletion_refused", "ada", {"name": "banner"})
    assert (newest.reason, newest.request_id) == ("not allowed", "request-1")
    assert workshop.live.current.revisions == {"default": 1}


def test_a_store_that_takes_no_event_does_not_turn_a_refusal_into_an_error() -> None:
    class Sealed(MemoryFlagStore):
        def append_audit(self, draft: AuditDraft) -> AuditEvent:
            raise ReadOnlyError("damaged")

    workshop = Workshop(Sealed(lambda: 0.0))
    workshop.publisher.record_refused_deletion("default", "banner", author=ADA, reason="not allowed")
