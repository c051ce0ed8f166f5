"""Who may evaluate what: an open door or a token, and no flag beyond the sets of the token."""

from collections.abc import Callable

import pytest

from burgee.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.selector import parse_selector
from burgee.service.services import Services
from burgee.surfaces.http.audience import KNOWN_SELECTORS, Audience, Scope
from burgee.testing.workshop import ADA

Token = Callable[..., str]


@pytest.fixture
def stocked(services: Services) -> Services:
    """`shared` is in every set, and a flag named like its set; `high` wins, then `low`, then `default`."""
    for key, priority in (("default", 0), ("low", 1), ("high", 2)):
        draft = FlagSetDraft(priority=priority, source="" if key == "default" else "file")
        services.publisher.put_flag_set(key, draft, author=ADA)
        for name in ("shared", key):
            flag = FlagDraft(variants={"v": key}, default_variant="v")
            services.publisher.put_flag(key, name, flag, author=ADA)
    return services


@pytest.fixture
def guarded(stocked: Services) -> Audience:
    return Audience(stocked.access, open_to_all=False)


@pytest.fixture
def open_door(stocked: Services) -> Audience:
    return Audience(stocked.access, open_to_all=True)


def bearer(token: str, selector: str = "") -> dict[bytes, bytes]:
    named = {b"flagd-selector": selector.encode()} if selector else {}
    return {b"authorization": f"Bearer {token}".encode(), **named}


@pytest.mark.parametrize("headers", [{}, {b"authorization": b"Bearer nonsense"}, {b"x-api-key": b"nonsense"}])
def test_an_open_door_asks_for_nothing(open_door: Audience, headers: dict[bytes, bytes]) -> None:
    assert open_door.scope(headers) == Scope()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Bearer    "},
        {b"authorization": b"Bearer nonsense"},
        {b"x-api-key": b""},
        {b"x-api-key": b"nonsense"},
        {b"x-api-key": b"\xff"},
    ],
)
def test_elsewhere_nobody_comes_in_without_a_good_token(
    guarded: Audience, headers: dict[bytes, bytes]
) -> None:
    with pytest.raises(UnauthenticatedError):
        guarded.scope(headers)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (b"authorization", "Bearer {}"),
        (b"authorization", "bearer {}"),
        (b"authorization", "BEARER  {} "),
        (b"x-api-key", "{}"),
    ],
)
def test_a_token_comes_as_bearer_or_as_api_key(
    guarded: Audience, token: Token, name: bytes, form: str
) -> None:
    assert guarded.scope({name: form.format(token("sdk-server")).encode()}) == Scope()


def test_another_scheme_does_not_hide_the_api_key(guarded: Audience, token: Token) -> None:
    headers = {b"authorization": b"Basic eDp5", b"x-api-key": token("sdk-server").encode()}
    assert guarded.scope(headers) == Scope()


def test_a_bad_bearer_is_not_made_good_by_an_api_key(guarded: Audience, token: Token) -> None:
    headers = {b"authorization": b"Bearer nonsense", b"x-api-key": token("sdk-server").encode()}
    with pytest.raises(UnauthenticatedError):
        guarded.scope(headers)


@pytest.mark.parametrize("role", ["reader", "editor", "admin", "sdk-server", "sdk-client"])
def test_every_role_may_evaluate(guarded: Audience, token: Token, role: str) -> None:
    assert guarded.scope(bearer(token(role))) == Scope()


@pytest.mark.parametrize(
    ("flag_sets", "selector", "allowed"),
    [
        ((), "flagSetId=low", True),
        (("low",), "", True),
        (("low",), "flagSetId=low", True),
        (("low",), " flagSetId = low ", True),
        (("low",), "flagSetId=high", False),
        (("low",), "flagSetId=LOW", False),
        (("low",), "flagSetId=", False),
        (("default",), "flagSetId=", True),
        (("low",), "source=file", True),
        (("low",), "file", True),
        (("high", "low"), "flagSetId=low", True),
        (("high", "low"), "flagSetId=none", False),
    ],
)
def test_a_token_for_some_sets_may_name_no_other(
    guarded: Audience, token: Token, flag_sets: tuple[str, ...], selector: str, allowed: bool
) -> None:
    headers = bearer(token("sdk-server", *flag_sets), selector)
    if allowed:
        meant = parse_selector(selector)
        assert guarded.scope(headers) == Scope(f"{meant.kind}={meant.value}" if meant else "", flag_sets)
    else:
        with pytest.raises(ForbiddenError):
            guarded.scope(headers)


def test_the_sets_of_a_scope_do_not_depend_on_their_order_in_the_token(
    guarded: Audience, token: Token
) -> None:
    scopes = {guarded.scope(bearer(token("reader", *sets))) for sets in (("low", "high"), ("high", "low"))}
    assert scopes == {Scope("", ("high", "low"))}


def test_a_selector_given_apart_stands_in_for_the_header(guarded: Audience, token: Token) -> None:
    headers = bearer(token("reader", "low"), "flagSetId=low")
    assert guarded.scope(headers, b"") == Scope("", ("low",))
    with pytest.raises(ForbiddenError):
        guarded.scope(headers, b"flagSetId=high")


@pytest.mark.parametrize("selector", [b"\xff", b"key=low", b"flagSetId=low,source=file"])
def test_a_selector_that_cannot_be_read_is_refused_each_time(open_door: Audience, selector: bytes) -> None:
    for _ in range(2):
        with pytest.raises(InvalidInputError) as refused:
            open_door.scope({b"flagd-selector": selector})
        assert [fault.code for fault in refused.value.faults] == ["invalid-selector"]


@pytest.mark.parametrize("spelling", [b"flagSetId=low", b" flagSetId = low ", b"flagSetId   =low"])
def test_a_scope_is_the_same_however_its_selector_is_spelt(open_door: Audience, spelling: bytes) -> None:
    assert open_door.scope({b"flagd-selector": spelling}) == Scope("flagSetId=low")


def test_selectors_are_remembered_only_so_far(open_door: Audience) -> None:
    for number in range(KNOWN_SELECTORS + 1):
        assert open_door.scope({}, b"%d" % number).selector == f"source={number}"
    assert len(open_door._selectors) <= KNOWN_SELECTORS
    assert open_door.scope({}) == Scope()


@pytest.mark.parametrize(
    ("scope", "answering", "listed"),
    [
        (Scope(), "high", "default high low"),
        (Scope("flagSetId=low"), "low", "low"),
        (Scope("flagSetId="), "default", "default"),
        (Scope("file"), "high", "high low"),
        (Scope("", ("low",)), "low", "low"),
        (Scope("", ("default", "low")), "low", "default low"),
        (Scope("", ("default", "high")), "high", "default high"),
        (Scope("", ("low", "none")), "low", "low"),
        (Scope("", ("none",)), None, ""),
        (Scope("file", ("default", "low")), "low", "low"),
        (Scope("flagSetId=high", ("low",)), None, ""),
    ],
)
def test_a_selection_is_what_both_selector_and_token_let_see(
    open_door: Audience, stocked: Services, scope: Scope, answering: str | None, listed: str
) -> None:
    seen = open_door.selection(stocked.live.current, scope)
    sets = listed.split()
    assert [(flag.flag_set, flag.key) for flag in seen.ordered] == [
        (key, name) for key in sets for name in sorted([key, "shared"])
    ]
    assert set(seen.flags) == ({"shared", *sets} if sets else set())
    if answering:
        assert seen.flags["shared"].flag_set == answering


def test_of_two_sets_of_one_priority_the_later_key_answers_a_token_too(
    open_door: Audience, stocked: Services
) -> None:
    scope = Scope("", ("high", "low"))
    assert open_door.selection(stocked.live.current, scope).flags["shared"].flag_set == "high"
    stocked.publisher.patch_flag_set("low", {"priority": 2}, author=ADA)
    assert open_door.selection(stocked.live.current, scope).flags["shared"].flag_set == "low"


def test_what_a_token_sees_does_not_change_what_others_see(open_door: Audience, stocked: Services) -> None:
    before = dict(open_door.selection(stocked.live.current, Scope()).flags)
    open_door.selection(stocked.live.current, Scope("", ("low", "default")))
    assert open_door.selection(stocked.live.current, Scope()).flags == before


def change(services: Services, flag_set: str) -> None:
    services.publisher.patch_flag(flag_set, "shared", {"description": "changed"}, author=ADA)


@pytest.mark.parametrize("scope", [Scope(), Scope("flagSetId=low"), Scope("", ("low",))])
def test_a_fingerprint_changes_with_a_flag_that_is_seen(
    open_door: Audience, stocked: Services, scope: Scope
) -> None:
    before = open_door.selection(stocked.live.current, scope).fingerprint
    change(stocked, "low")
    assert open_door.selection(stocked.live.current, scope).fingerprint != before


@pytest.mark.parametrize(
    "scope",
    [
        Scope("flagSetId=low"),
        Scope("", ("low",)),
    ],
)
def test_a_fingerprint_stays_when_only_hidden_flags_change(
    open_door: Audience, stocked: Services, scope: Scope
) -> None:
    before = open_door.selection(stocked.live.current, scope).fingerprint
    change(stocked, "high")
    assert open_door.selection(stocked.live.current, scope).fingerprint == before
