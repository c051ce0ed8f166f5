"""Access: default deny, audited tokens, and a sign-in that works once."""

import pytest

from burgee.adapters.memory import MemoryFlagStore, MemorySignInCodes
from burgee.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    ReadOnlyError,
    UnauthenticatedError,
)
from burgee.ports import AuditQuery, TokenClaims
from burgee.service.access import (
    MAX_TOKEN_SECONDS,
    PERMISSIONS,
    SESSION_SECONDS,
    Access,
    Identity,
    Permission,
    Role,
)
from burgee.testing.workshop import HandClock


class PlainTokens:
    """Tokens that are only the claims, so that the tests see what was asked for; it counts its work."""

    def __init__(self) -> None:
        self.verified = self.turns = 0
        self._claims: dict[str, TokenClaims] = {}

    def sign(self, claims: TokenClaims) -> str:
        token = f"token-{len(self._claims)}"
        self._claims[token] = claims
        return token

    def verify(self, token: str) -> TokenClaims:
        self.verified += 1
        if token not in self._claims:
            raise UnauthenticatedError("unknown")
        return self._claims[token]

    def generation(self) -> int:
        return self.turns

    def await_keys(self) -> None:
        return


class Gate:
    """Access with everything around it."""

    def __init__(self, *, cached_tokens: int = 4) -> None:
        self.clock, self.tokens = HandClock(1000.0), PlainTokens()
        self.store = MemoryFlagStore(self.clock)
        self.access = Access(
            verifier=self.tokens,
            signer=self.tokens,
            codes=MemorySignInCodes(),
            store=self.store,
            clock=self.clock,
            cached_tokens=cached_tokens,
        )


@pytest.fixture
def gate() -> Gate:
    return Gate()


def someone(role: Role, *flag_sets: str) -> Identity:
    return Identity(subject="ada", role=role, expires_at=2000, flag_sets=flag_sets)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.READER, "evaluate read"),
        (Role.EDITOR, "evaluate read write"),
        (Role.ADMIN, "evaluate read write administer"),
        (Role.SDK_SERVER, "evaluate"),
        (Role.SDK_CLIENT, "evaluate"),
    ],
)
def test_each_role_may_do_exactly_this(gate: Gate, role: Role, allowed: str) -> None:
    for permission in Permission:
        if permission.value in allowed.split():
            gate.access.require(someone(role), permission)
        else:
            with pytest.raises(ForbiddenError):
                gate.access.require(someone(role), permission)


def test_every_role_is_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize("permission", Permission)
def test_nobody_may_do_nothing(gate: Gate, permission: Permission) -> None:
    with pytest.raises(UnauthenticatedError):
        gate.access.require(None, permission)


@pytest.mark.parametrize(
    ("flag_set", "allowed"), [("a", True), ("b", True), ("c", False), ("", False), (None, False)]
)
def test_a_token_for_some_flag_sets_reaches_only_those(
    gate: Gate, flag_set: str | None, allowed: bool
) -> None:
    identity = someone(Role.ADMIN, "a", "b")
    if allowed:
        gate.access.require(identity, Permission.WRITE, flag_set)
    else:
        with pytest.raises(ForbiddenError):
            gate.access.require(identity, Permission.WRITE, flag_set)


@pytest.mark.parametrize(("later", "valid"), [(59.9, True), (60, False), (60.1, False)])
def test_a_remembered_token_still_expires(gate: Gate, later: float, valid: bool) -> None:
    token = gate.access.issue_token("ada", Role.EDITOR, 60)
    assert gate.access.authenticate(token).role is Role.EDITOR
    gate.clock.now += later
    if valid:
        assert gate.access.authenticate(token).subject == "ada"
        assert gate.tokens.verified == 1
    else:
        with pytest.raises(UnauthenticatedError):
            gate.access.authenticate(token)


def test_the_memory_of_tokens_is_bounded() -> None:
    gate = Gate(cached_tokens=2)
    tokens = [gate.access.issue_token("ada", Role.READER, 60) for _ in range(3)]
    for token in (*tokens, tokens[2], tokens[1]):
        gate.access.authenticate(token)
    assert gate.tokens.verified == 3
    gate.access.authenticate(tokens[0])
    assert gate.tokens.verified == 4


def test_a_role_that_does_not_exist_is_no_identity(gate: Gate) -> None:
    token = gate.tokens.sign(TokenClaims(subject="ada", role="root", issued_at=0, expires_at=2000))
    with pytest.raises(UnauthenticatedError, match="role"):
        gate.access.authenticate(token)


def test_a_token_is_issued_with_an_audit_event_that_does_not_hold_it(gate: Gate) -> None:
    token = gate.access.issue_token("ci", Role.EDITOR, 60, flag_sets=("a",), actor="ada", request_id="r")
    (event,) = gate.store.audit_events(AuditQuery())
    assert (event.action, event.actor, event.entity, event.request_id) == (
        "token.issued",
        "ada",
        "tokens/ci",
        "r",
    )
    assert event.after == {"subject": "ci", "role": "editor", "expiresAt": 1060, "flagSets": ["a"]}
    assert token not in str(event)
    assert gate.access.authenticate(token).flag_sets == ("a",)


@pytest.mark.parametrize("ttl", [1, MAX_TOKEN_SECONDS])
def test_a_lifetime_within_the_bounds_is_given(gate: Gate, ttl: float) -> None:
    identity = gate.access.authenticate(gate.access.issue_token("a", Role.READER, ttl))
    assert identity.expires_at == gate.clock.now + ttl


@pytest.mark.parametrize("ttl", [0, 0.9, -1, MAX_TOKEN_SECONDS + 1, float("inf"), float("nan")])
def test_a_lifetime_outside_the_bounds_is_refused_with_everything_else(gate: Gate, ttl: float) -> None:
    with pytest.raises(InvalidInputError) as caught:
        gate.access.issue_token("", Role.READER, ttl, flag_sets=("ok", "not ok"))
    assert [fault.pointer for fault in caught.value.faults] == ["/subject", "/ttlSeconds", "/flagSets/1"]
    assert gate.store.audit_head()[0] == 0


@pytest.mark.parametrize(("count", "given"), [(99, True), (100, True), (101, False), (1_200, False)])
def test_a_token_is_bound_to_at_most_100_flag_sets(gate: Gate, count: int, given: bool) -> None:
    keys = tuple(f"set-{number}" for number in range(count))
    if given:
        token = gate.access.issue_token("ada", Role.READER, 60, flag_sets=keys)
        assert gate.access.authenticate(token).flag_sets == keys
        return
    with pytest.raises(InvalidInputError) as caught:
        gate.access.issue_token("ada", Role.READER, 60, flag_sets=keys)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [
        ("/flagSets", "too-many-flag-sets")
    ]
    assert gate.store.audit_head()[0] == 0


def test_a_server_without_a_signing_key_issues_nothing() -> None:
    gate = Gate()
    verifying = Access(
        verifier=gate.tokens, signer=None, codes=MemorySignInCodes(), store=gate.store, clock=gate.clock
    )
    with pytest.raises(ConflictError, match="no key"):
        verifying.issue_token("ada", Role.READER, 60)


def test_a_sign_in_code_works_once(gate: Gate) -> None:
    code = gate.access.create_sign_in_code()
    identity = gate.access.authenticate(gate.access.redeem_sign_in_code(code))
    assert (identity.role, identity.expires_at) == (Role.ADMIN, gate.clock.now + SESSION_SECONDS)
    with pytest.raises(UnauthenticatedError):
        gate.access.redeem_sign_in_code(code)
    assert [event.action for event in gate.store.audit_events(AuditQuery())] == ["session.started"]


@pytest.mark.parametrize(("later", "valid"), [(9.9, True), (10, False)])
def test_a_sign_in_code_expires(gate: Gate, later: float, valid: bool) -> None:
    code = gate.access.create_sign_in_code(10)
    gate.clock.now += later
    if valid:
        assert gate.access.redeem_sign_in_code(code)
    else:
        with pytest.raises(UnauthenticatedError):
            gate.access.redeem_sign_in_code(code)


@pytest.mark.parametrize("code", ["", "guess", "\ud800"])
def test_a_guessed_code_signs_nobody_in(gate: Gate, code: str) -> None:
    gate.access.create_sign_in_code()
    with pytest.raises(UnauthenticatedError):
        gate.access.redeem_sign_in_code(code)


def test_a_read_only_store_lets_the_operator_in_but_issues_no_token(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ReadOnlyError("damaged")

    monkeypatch.setattr(gate.store, "append_audit", refuse)
    assert gate.access.redeem_sign_in_code(gate.access.create_sign_in_code())
    with pytest.raises(ReadOnlyError):
        gate.access.issue_token("ada", Role.READER, 60)


def own_only(role: Role = Role.READER) -> Identity:
    return Identity(subject="ada", role=role, expires_at=2000, is_own_only=True)


@pytest.mark.parametrize(
    ("identity", "subject", "own", "allowed"),
    [
        (someone(Role.ADMIN), "bob", True, True),
        (someone(Role.ADMIN), None, True, True),
        (someone(Role.EDITOR), "ada", True, True),
        (someone(Role.EDITOR), "bob", True, False),
        (someone(Role.EDITOR), "ADA", True, False),
        (someone(Role.EDITOR), None, True, False),
        (someone(Role.READER), "bob", True, False),
        (someone(Role.SDK_SERVER), "bob", True, False),
        (someone(Role.EDITOR), "bob", False, True),
        (someone(Role.READER), None, False, True),
        (own_only(), "ada", False, True),
        (own_only(), "ada", True, True),
        (own_only(), "bob", False, False),
        (own_only(), "", False, False),
        (own_only(), None, False, False),
        (own_only(Role.ADMIN), "bob", False, True),
    ],
)
def test_what_belongs_to_a_subject_is_for_that_subject_and_administrators(
    gate: Gate, identity: Identity, subject: str | None, own: bool, allowed: bool
) -> None:
    if allowed:
        gate.access.require_subject(identity, subject, own=own)
    else:
        with pytest.raises(ForbiddenError):
            gate.access.require_subject(identity, subject, own=own)


def test_nobody_owns_nothing(gate: Gate) -> None:
    with pytest.raises(UnauthenticatedError):
        gate.access.require_subject(None, "ada")


def test_what_was_verified_is_verified_again_once_the_keys_turn(gate: Gate) -> None:
    token = gate.access.issue_token("ada", Role.READER, 60)
    for _ in range(3):
        gate.access.authenticate(token)
    assert gate.tokens.verified == 1
    gate.tokens.turns += 1
    for _ in range(3):
        gate.access.authenticate(token)
    assert gate.tokens.verified == 2


def test_the_use_of_an_sdk_key_is_noted_each_time_and_that_of_a_token_never() -> None:
    gate = Gate()
    noted = list[tuple[str, float]]()
    access = Access(
        verifier=gate.tokens,
        signer=gate.tokens,
        codes=MemorySignInCodes(),
        store=gate.store,
        clock=gate.clock,
        note_key_use=lambda key_id, now: noted.append((key_id, now)),
    )
    claims = TokenClaims(subject="k", role="sdk-server", issued_at=0, expires_at=2000, key_id="a1")
    for token in (gate.tokens.sign(claims), access.issue_token("ada", Role.READER, 60)):
        access.authenticate(token)
        access.authenticate(token)
    assert noted == [("a1", 1000.0)] * 2


def test_what_another_issuer_says_of_a_caller_is_in_the_identity(gate: Gate) -> None:
    claims = TokenClaims(subject="u", role="reader", issued_at=0, expires_at=2000, is_own_only=True)
    assert gate.access.authenticate(gate.tokens.sign(claims)).is_own_only
