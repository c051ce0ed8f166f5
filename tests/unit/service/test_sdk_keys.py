"""SDK keys: made of chance, shown once, looked up by prefix, believed until they end."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_sdk_keys import MemorySdkKeys
from burgee.adapters.sqlite.sdk_keys import SqliteSdkKeys
from burgee.adapters.sqlite.store import SqliteFlagStore
from burgee.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from burgee.model.sdk_key import SdkKind
from burgee.ports import AuditQuery, TokenClaims
from burgee.service.sdk_key_uses import SdkKeyUses
from burgee.service.sdk_key_verifier import LOOK_SECONDS, NEVER, SdkKeyVerifier
from burgee.service.sdk_keys import MAX_TTL_SECONDS, SdkKeyDraft, SdkKeys
from burgee.service.verified_tokens import hash_of
from burgee.testing.workshop import ADA, HandClock


class OtherTokens:
    """A verifier of everything that is no SDK key; it knows the token `good`."""

    turns = 0

    def verify(self, token: str) -> TokenClaims:
        if token != "good":
            raise UnauthenticatedError("unknown")
        return TokenClaims(subject="ada", role="admin", issued_at=0, expires_at=1)

    def generation(self) -> int:
        return self.turns

    def await_keys(self) -> None:
        self.turns += 1


class Ring:
    """Keys with everything around them."""

    def __init__(self) -> None:
        self.clock, self.look, self.tokens = HandClock(1000.0), HandClock(0.0), OtherTokens()
        self.flags = MemoryFlagStore(self.clock)
        self.store = MemorySdkKeys(self.flags)
        self.keys = SdkKeys(self.store, self.clock)
        self.verifier = SdkKeyVerifier(self.store, self.tokens, self.clock, look=self.look)

    def make(self, **changes: Any) -> str:
        fields: dict[str, Any] = {"name": "shop", "kind": SdkKind.SERVER}
        return self.keys.create(SdkKeyDraft(**{**fields, **changes}), author=ADA)[1]


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.mark.parametrize(
    ("kind", "role", "prefix"), [("server", "sdk-server", "bgs_"), ("client", "sdk-client", "bgc_")]
)
def test_a_key_opens_evaluation_and_nothing_else(ring: Ring, kind: str, role: str, prefix: str) -> None:
    text = ring.make(kind=SdkKind(kind), flag_sets=("a", "b"))
    assert text.startswith(prefix)
    claims = ring.verifier.verify(text)
    assert (claims.subject, claims.role, claims.flag_sets) == ("sdk-key:shop", role, ("a", "b"))
    assert (claims.expires_at, claims.key_id) == (NEVER, ring.keys.list()[0].id)


def test_a_key_is_long_and_never_the_same() -> None:
    texts = {Ring().make() for _ in range(50)}
    assert len(texts) == 50
    for text in texts:
        assert re.fullmatch(r"bgs_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)


def test_a_key_is_kept_only_as_its_hash(ring: Ring) -> None:
    text = ring.make()
    (key,) = ring.keys.list()
    assert key.digest == hash_of(text)
    secret = text.rsplit("_", 1)[-1]
    assert secret not in str(key)
    assert secret not in str(ring.flags.audit_events(AuditQuery()))


def test_no_file_of_the_store_holds_a_key(tmp_path: Path) -> None:
    store = SqliteFlagStore(tmp_path / "flags.db", HandClock())
    draft = SdkKeyDraft(name="shop", kind=SdkKind.SERVER)
    key, text = SdkKeys(SqliteSdkKeys(store), HandClock()).create(draft, author=ADA)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    assert key.digest.encode() in written
    assert text[-43:].encode() not in written


def forged(text: str) -> list[str]:
    prefix, key_id, secret = text.split("_", 2)
    return [
        f"{prefix}_{'0' * 16}_{secret}",
        f"{prefix}_{key_id}_{'A' * 43}",
        f"{'bgc' if prefix == 'bgs' else 'bgs'}_{key_id}_{secret}",
        f"{prefix}_{key_id.upper()}_{secret}",
        f"{prefix}_{key_id}_{secret[:-1]}",
        f"{prefix}_{key_id}_{secret}A",
        f"{prefix}_{key_id}_{secret} ",
        f"{prefix}_{key_id}_{secret}\n",
        f"{prefix}_{key_id}_{secret[:-1]}é",
        f"{prefix}_{key_id}_",
        f"{prefix}_{key_id}",
        key_id,
        hash_of(text),
        f"{prefix}_{key_id}_{hash_of(text)[:43]}",
        "",
    ]


def test_no_forged_key_is_believed(ring: Ring) -> None:
    text = ring.make()
    for each in forged(text):
        assert each != text
        with pytest.raises(UnauthenticatedError):
            ring.verifier.verify(each)
    assert ring.verifier.verify(text).key_id


def test_an_unknown_key_and_a_wrong_secret_are_told_apart_by_nothing(ring: Ring) -> None:
    text = ring.make()
    said = set()
    for each in forged(text)[:2]:
        with pytest.raises(UnauthenticatedError) as caught:
            ring.verifier.verify(each)
        said.add(str(caught.value))
    assert len(said) == 1


@pytest.mark.parametrize(("later", "good"), [(59.9, True), (60, False), (60.1, False)])
def test_a_key_ends_when_it_was_said(ring: Ring, later: float, good: bool) -> None:
    text = ring.make(ttl_seconds=60)
    assert ring.verifier.verify(text).expires_at == 1060
    ring.clock.now += later
    if good:
        assert ring.verifier.verify(text).key_id
    else:
        with pytest.raises(UnauthenticatedError):
            ring.verifier.verify(text)


def test_a_revoked_key_opens_nothing_and_is_still_listed(ring: Ring) -> None:
    text = ring.make()
    (key,) = ring.keys.list()
    revoked = ring.keys.revoke(key.id, author=ADA)
    assert revoked.revoked_at == 1000
    with pytest.raises(UnauthenticatedError):
        ring.verifier.verify(text)
    assert ring.keys.list() == (revoked,)
    with pytest.raises(NotFoundError):
        ring.keys.revoke("0" * 16, author=ADA)


def test_two_keys_of_a_name_take_turns(ring: Ring) -> None:
    first, second = ring.make(), ring.make()
    assert ring.verifier.verify(first).key_id
    assert ring.verifier.verify(second).key_id
    with pytest.raises(ConflictError):
        ring.make()
    ring.keys.revoke(first.split("_")[1], author=ADA)
    assert ring.make()


def test_making_and_revoking_are_recorded_with_who_and_what(ring: Ring) -> None:
    ring.make(flag_sets=("a",), ttl_seconds=60)
    key_id = ring.keys.list()[0].id
    ring.keys.revoke(key_id, author=ADA)
    revoked, created = ring.flags.audit_events(AuditQuery())
    assert (created.action, created.actor, created.entity) == ("key.created", "ada", f"keys/{key_id}")
    assert created.after == {"name": "shop", "kind": "server", "flagSets": ["a"], "expiresAt": 1060}
    assert (revoked.action, revoked.request_id, revoked.reason) == ("key.revoked", "request-1", "because")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 129}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"ttl_seconds": 0}, "/ttlSeconds"),
        ({"ttl_seconds": 0.9}, "/ttlSeconds"),
        ({"ttl_seconds": MAX_TTL_SECONDS + 1}, "/ttlSeconds"),
        ({"ttl_seconds": float("nan")}, "/ttlSeconds"),
        ({"flag_sets": ("ok", "a/b")}, "/flagSets/1"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_with_the_place(ring: Ring, change: Any, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ring.make(**change)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert ring.keys.list() == ()


@pytest.mark.parametrize(
    "change", [{"name": "x" * 128}, {"ttl_seconds": 1}, {"ttl_seconds": MAX_TTL_SECONDS}]
)
def test_a_draft_at_the_edge_is_taken(ring: Ring, change: Any) -> None:
    assert ring.make(**change)


def test_what_is_no_key_is_left_to_the_other_tokens(ring: Ring) -> None:
    assert ring.verifier.verify("good").subject == "ada"
    before = ring.verifier.generation()
    ring.verifier.await_keys()
    ring.look.now += LOOK_SECONDS
    assert ring.verifier.generation() == before + 1


@pytest.mark.parametrize(("later", "seen"), [(LOOK_SECONDS - 0.01, False), (LOOK_SECONDS, True)])
def test_the_generation_turns_within_half_a_second_of_a_revocation(
    ring: Ring, later: float, seen: bool
) -> None:
    text = ring.make()
    before = ring.verifier.generation()
    ring.keys.revoke(text.split("_")[1], author=ADA)
    ring.look.now += later
    assert (ring.verifier.generation() != before) is seen


def test_a_store_that_cannot_be_read_turns_nothing(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.make()
    before = ring.verifier.generation()

    def fail() -> int:
        raise UnavailableError("away")

    monkeypatch.setattr(ring.store, "sdk_key_changes", fail)
    ring.look.now += 10
    assert ring.verifier.generation() == before


def test_uses_are_written_in_one_step_and_only_when_flushed(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.make()
    key_id = ring.keys.list()[0].id
    written = list[dict[str, float]]()
    monkeypatch.setattr(ring.store, "note_sdk_key_uses", lambda uses: written.append(dict(uses)))
    uses = SdkKeyUses(ring.store)
    for second in range(10_000):
        uses.note(key_id, second)
    assert written == []
    uses.flush()
    uses.flush()
    assert written == [{key_id: 9999}]


def test_uses_that_cannot_be_written_wait(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ring.make()
    key_id = text.split("_")[1]
    uses = SdkKeyUses(ring.store)
    uses.note(key_id, 5)

    def fail(_: object) -> None:
        raise UnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(ring.store, "note_sdk_key_uses", fail)
        uses.flush()
    uses.close()
    assert ring.keys.list()[0].last_used_at == 5


def test_uses_are_flushed_by_themselves(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(ring.store, "note_sdk_key_uses", lambda uses: done.set())
    uses = SdkKeyUses(ring.store, seconds=0.01)
    uses.start()
    uses.note("a", 1)
    assert done.wait(10)
    uses.close()
