"""What every SdkKeyStore must do."""

import threading
from typing import Any

import pytest

from burgee.errors import AlreadyExistsError, ConflictError, NotFoundError
from burgee.model.audit import AuditDraft
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.ports import AuditQuery, FlagStore, SdkKeyStore
from burgee.testing.builders import THE_DAY


def an_sdk_key(key_id: str = "a1", **changes: Any) -> SdkKey:
    """A key with every field away from its default; `changes` replace fields."""
    fields: dict[str, Any] = {
        "id": key_id,
        "name": "checkout",
        "kind": SdkKind.CLIENT,
        "digest": "ab" * 32,
        "flag_sets": ("shop", "web"),
        "created_at": THE_DAY,
        "created_by": "ada",
        "expires_at": THE_DAY + 1000.5,
    }
    return SdkKey(**{**fields, **changes})


def a_key_event(key_id: str = "a1", *, action: str = "key.created", at: float = THE_DAY) -> AuditDraft:
    """What is recorded with a change of that key."""
    return AuditDraft(at=at, actor="ada", action=action, entity=f"keys/{key_id}", request_id="r")


class SdkKeyStoreContract:
    """Subclass it and define `make_store`: the keys, and the store whose audit they write."""

    def make_store(self) -> tuple[SdkKeyStore, FlagStore]:
        """Keys with none in them."""
        raise NotImplementedError

    @pytest.fixture
    def both(self) -> tuple[SdkKeyStore, FlagStore]:
        return self.make_store()

    @pytest.fixture
    def keys(self, both: tuple[SdkKeyStore, FlagStore]) -> SdkKeyStore:
        return both[0]

    @pytest.fixture
    def audit(self, both: tuple[SdkKeyStore, FlagStore]) -> FlagStore:
        return both[1]

    def test_there_is_nothing_at_first(self, keys: SdkKeyStore) -> None:
        assert keys.sdk_key("a1") is None
        assert keys.sdk_keys() == ()
        assert keys.sdk_key_changes() == 0

    def test_a_key_comes_back_as_it_was_and_is_recorded(self, keys: SdkKeyStore, audit: FlagStore) -> None:
        keys.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
        assert keys.sdk_key("a1") == an_sdk_key()
        assert keys.sdk_keys() == (an_sdk_key(),)
        (event,) = audit.audit_events(AuditQuery())
        assert (event.action, event.entity, event.actor) == ("key.created", "keys/a1", "ada")

    def test_keys_are_listed_by_id_page_by_page(self, keys: SdkKeyStore) -> None:
        for key_id in ("b2", "a1", "c3"):
            keys.add_sdk_key(an_sdk_key(key_id, name=key_id), a_key_event(key_id), most=2)
        assert [key.id for key in keys.sdk_keys()] == ["a1", "b2", "c3"]
        assert [key.id for key in keys.sdk_keys(after="a1", limit=1)] == ["b2"]
        assert [key.id for key in keys.sdk_keys(after="b2", limit=5)] == ["c3"]
        assert keys.sdk_keys(after="c3") == ()
        assert keys.sdk_keys(limit=0) == ()

    def test_an_id_is_taken_once(self, keys: SdkKeyStore, audit: FlagStore) -> None:
        keys.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
        with pytest.raises(AlreadyExistsError):
            keys.add_sdk_key(an_sdk_key(name="other"), a_key_event(), most=2)
        assert keys.sdk_key("a1") == an_sdk_key()
        assert audit.audit_head()[0] == 1

    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_so_many_keys_of_a_name_may_be_active_and_no_more(
        self, keys: SdkKeyStore, audit: FlagStore, most: int
    ) -> None:
        for number in range(most):
            keys.add_sdk_key(an_sdk_key(f"k{number}"), a_key_event(), most=most)
        with pytest.raises(ConflictError):
            keys.add_sdk_key(an_sdk_key("one-more"), a_key_event(), most=most)
        assert audit.audit_head()[0] == most == keys.sdk_key_changes()
        keys.add_sdk_key(an_sdk_key("another-name", name="else"), a_key_event(), most=most)

    def test_revoked_and_expired_keys_make_room(self, keys: SdkKeyStore) -> None:
        keys.add_sdk_key(an_sdk_key("a1"), a_key_event(), most=1)
        keys.revoke_sdk_key("a1", a_key_event(action="key.revoked"))
        keys.add_sdk_key(an_sdk_key("b2", expires_at=THE_DAY + 5), a_key_event(), most=1)
        with pytest.raises(ConflictError):
            keys.add_sdk_key(an_sdk_key("c3"), a_key_event(at=THE_DAY + 4.9), most=1)
        keys.add_sdk_key(an_sdk_key("c3"), a_key_event(at=THE_DAY + 5), most=1)

    def test_revoking_says_when_and_is_recorded_once(self, keys: SdkKeyStore, audit: FlagStore) -> None:
        keys.add_sdk_key(an_sdk_key(), a_key_event(), most=2)
        first = keys.revoke_sdk_key("a1", a_key_event(action="key.revoked", at=THE_DAY + 7))
        again = keys.revoke_sdk_key("a1", a_key_event(action="key.revoked", at=THE_DAY + 8))
        assert first == again == keys.sdk_key("a1") == an_sdk_key(revoked_at=THE_DAY + 7)
        assert [event.action for event in audit.audit_events(AuditQuery())] == ["key.revoked", "key.created"]

    def test_what_is_not_there_cannot_be_revoked(self, keys: SdkKeyStore, audit: FlagStore) -> None:
        with pytest.raises(NotFoundError):
            keys.revoke_sdk_key("a1", a_key_event(action="key.revoked"))
        assert audit.audit_head()[0] == 0

    def test_every_change_of_keys_is_counted_and_nothing_else(self, keys: SdkKeyStore) -> None:
        keys.add_sdk_key(an_sdk_key("a1"), a_key_event(), most=2)
        keys.add_sdk_key(an_sdk_key("b2"), a_key_event(), most=2)
        keys.revoke_sdk_key("a1", a_key_event())
        keys.revoke_sdk_key("a1", a_key_event())
        keys.note_sdk_key_uses({"a1": 5.0})
        assert keys.sdk_key_changes() == 3

    def test_the_last_use_is_remembered_and_never_goes_back(self, keys: SdkKeyStore) -> None:
        keys.add_sdk_key(an_sdk_key("a1"), a_key_event(), most=2)
        keys.add_sdk_key(an_sdk_key("b2"), a_key_event(), most=2)
        keys.note_sdk_key_uses({"a1": 7.5, "nobody": 9.0})
        keys.note_sdk_key_uses({"a1": 6.0})
        assert [key.last_used_at for key in keys.sdk_keys()] == [7.5, None]
        keys.revoke_sdk_key("a1", a_key_event())
        revoked = keys.sdk_key("a1")
        assert revoked is not None
        assert revoked.last_used_at == 7.5

    def test_of_many_who_make_a_key_of_one_name_at_once_two_succeed(
        self, keys: SdkKeyStore, audit: FlagStore
    ) -> None:
        start, made = threading.Barrier(8), list[bool]()

        def make(number: int) -> None:
            start.wait()
            try:
                keys.add_sdk_key(an_sdk_key(f"k{number}"), a_key_event(), most=2)
            except ConflictError:
                made.append(False)
            else:
                made.append(True)

        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(made) == [False] * 6 + [True] * 2
        assert audit.audit_head()[0] == 2
