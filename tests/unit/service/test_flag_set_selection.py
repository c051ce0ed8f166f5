"""Picking flag sets by selector: by key, by an id that is no key, by source."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.program import compile_program
from burgee.formats import flagd
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.service.catalogue import Catalogue, LiveCatalogue, Selection, parse_selector
from burgee.service.drafts import FlagSetDraft
from burgee.testing.workshop import ADA, Workshop

SSO_KEY = flagd.flag_set_key("sso/dev")


def catalogue(*sets: FlagSet) -> Catalogue:
    """A catalogue of these sets, each with a flag named after it and one that all of them have."""
    return Catalogue(compile_program(_snapshot(each), clock=lambda: 0) for each in sets)


def _snapshot(flag_set: FlagSet) -> Snapshot:
    flags = tuple(
        Flag(id=key, key=key, flag_set=flag_set.key, variants={"v": flag_set.key}, default_variant="v")
        for key in sorted(("common", f"of-{flag_set.key}"))
    )
    return Snapshot(flag_set=flag_set, flags=flags)


def named(key: str, flag_set_id: Any = None, **fields: Any) -> FlagSet:
    return FlagSet(key=key, metadata={} if flag_set_id is None else {"flagSetId": flag_set_id}, **fields)


def selected(text: str | None, sets: Iterable[FlagSet]) -> Selection:
    return catalogue(*sets).select(parse_selector(text))


def sets_of(selection: Selection) -> list[str]:
    return list(dict.fromkeys(flag.flag_set for flag in selection.ordered))


STOCK = (
    named("default"),
    named("checkout", source="file:a"),
    named(SSO_KEY, "sso/dev", source="file:a"),
    named("old-name", "new-name", source="file:b"),
    named("left", "shared id"),
    named("right", "shared id", priority=-1),
    named("thief", "checkout"),
    named("number", 7),
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (None, ["checkout", "default", "left", "number", "old-name", "right", SSO_KEY, "thief"]),
        ("flagSetId=checkout", ["checkout"]),
        ("flagSetId=sso/dev", [SSO_KEY]),
        (f"flagSetId={SSO_KEY}", [SSO_KEY]),
        (" flagSetId = sso/dev ", [SSO_KEY]),
        ("flagSetId=new-name", ["old-name"]),
        ("flagSetId=old-name", ["old-name"]),
        ("flagSetId=shared id", ["left", "right"]),
        ("flagSetId=", ["default"]),
        ("flagSetId=default", ["default"]),
        ("flagSetId=7", []),
        ("flagSetId=number", ["number"]),
        ("flagSetId=SSO/DEV", []),
        ("flagSetId=sso/dev/", []),
        ("flagSetId=sso", []),
        ("flagSetId=file:a", []),
        ("flagSetId=None", []),
        ("source=file:a", ["checkout", SSO_KEY]),
        ("file:b", ["old-name"]),
        ("sso/dev", []),
        ("source=checkout", []),
        ("source=", ["default", "left", "number", "right", "thief"]),
    ],
)
def test_a_selector_sees_these_sets(text: str | None, keys: list[str]) -> None:
    selection = selected(text, STOCK)
    assert sets_of(selection) == keys
    assert set(selection.flags) == {"common" for _ in keys[:1]} | {f"of-{key}" for key in keys}


def test_without_a_default_set_an_empty_id_sees_nothing() -> None:
    assert sets_of(selected("flagSetId=", [named("checkout"), named("other", "x")])) == []


@pytest.mark.parametrize(
    ("left", "right", "winner"), [(0, 0, "right"), (1, 0, "left"), (-1, 0, "right"), (-1, -2, "left")]
)
@pytest.mark.parametrize("text", ["flagSetId=a/b", "source=file", None])
def test_of_several_sets_the_first_in_rank_answers_for_a_key_that_all_have(
    text: str | None, left: int, right: int, winner: str
) -> None:
    sets = [
        named("left", "a/b", priority=left, source="file"),
        named("right", "a/b", priority=right, source="file"),
    ]
    selection = selected(text, sets)
    assert selection.flags["common"].evaluate({}).value == winner
    assert [flag.flag_set for flag in selection.ordered if flag.key == "common"] == ["left", "right"]


@pytest.mark.parametrize(
    ("key", "priority", "winner"),
    [
        ("zebra", 0, "default"),
        ("alpha", 0, "default"),
        ("zebra", -1, "default"),
        ("zebra", 1, "zebra"),
        ("alpha", 1, "alpha"),
    ],
)
def test_of_equal_rank_the_default_set_answers(key: str, priority: int, winner: str) -> None:
    selection = selected(None, [named("default"), named(key, priority=priority), named("middle")])
    assert selection.flags["common"].evaluate({}).value == winner


@pytest.mark.parametrize(
    ("text", "reflection"),
    [
        ("flagSetId=sso/dev", {"flagSetId": "sso/dev"}),
        (f"flagSetId={SSO_KEY}", {"flagSetId": SSO_KEY}),
        ("flagSetId=unknown/id", {"flagSetId": "unknown/id"}),
        ("flagSetId=", {}),
        ("file:a", {"source": "file:a"}),
        (None, {}),
    ],
)
def test_a_selection_reflects_the_selector_as_it_was_written(
    text: str | None, reflection: dict[str, Any]
) -> None:
    assert selected(text, STOCK).reflection == reflection


def test_an_answer_names_the_id_and_not_the_key_that_was_made_of_it() -> None:
    flag = selected("flagSetId=sso/dev", STOCK).flags["common"]
    assert flag.evaluate({}).metadata == {"flagSetId": "sso/dev"}


def test_what_two_selectors_see_has_two_fingerprints_even_where_it_is_the_same_set() -> None:
    by_id, by_key = (selected(f"flagSetId={each}", STOCK) for each in ("sso/dev", SSO_KEY))
    assert [flag.key for flag in by_id.ordered] == [flag.key for flag in by_key.ordered]
    assert by_id.fingerprint != by_key.fingerprint


def test_ids_that_exist_are_kept_and_ids_made_up_are_not() -> None:
    stocked = catalogue(*STOCK)
    known, unknown = parse_selector("flagSetId=sso/dev"), parse_selector("flagSetId=sso/prod")
    assert stocked.select(known) is stocked.select(known)
    assert stocked.select(unknown) is not stocked.select(unknown)


def test_a_selector_finds_what_is_published_later() -> None:
    live = LiveCatalogue(catalogue(named("default")))
    selector = parse_selector("flagSetId=sso/dev")
    assert sets_of(live.current.select(selector)) == []
    live.swap(catalogue(named(SSO_KEY, "sso/dev", revision=1)))
    assert sets_of(live.current.select(selector)) == [SSO_KEY]


def test_an_imported_document_is_found_by_the_id_in_it(workshop: Workshop) -> None:
    flag = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
    data = json.dumps({"flags": {"a": flag}, "metadata": {"flagSetId": "sso/dev"}}).encode()
    workshop.publisher.import_documents(flagd.parse(data), author=ADA)
    workshop.put("a")
    assert sets_of(workshop.live.current.select(parse_selector("flagSetId=sso/dev"))) == [SSO_KEY]


def test_an_imported_flag_is_found_by_the_id_in_its_own_metadata(workshop: Workshop) -> None:
    flag = {
        "state": "ENABLED",
        "variants": {"on": True},
        "defaultVariant": "on",
        "metadata": {"flagSetId": "sso/dev"},
    }
    workshop.publisher.import_documents(flagd.parse(json.dumps({"flags": {"a": flag}}).encode()), author=ADA)
    assert sets_of(workshop.live.current.select(parse_selector("flagSetId=sso/dev"))) == [SSO_KEY]


def test_a_set_is_found_by_the_id_that_it_has_now(workshop: Workshop) -> None:
    workshop.publisher.put_flag_set("shop", FlagSetDraft(metadata={"flagSetId": "shop/1"}), author=ADA)
    workshop.put("a", flag_set="shop")
    workshop.publisher.patch_flag_set("shop", {"metadata": {"flagSetId": "shop/2"}}, author=ADA)
    found = [
        sets_of(workshop.live.current.select(parse_selector(f"flagSetId=shop{end}")))
        for end in ("/1", "/2", "")
    ]
    assert found == [[], ["shop"], ["shop"]]


ids = st.text(alphabet="ab/. ", min_size=1, max_size=4).map(str.strip).filter(bool)


@given(st.lists(ids, unique_by=flagd.flag_set_key, max_size=5), ids)
def test_each_id_finds_its_own_set_alone_and_no_other_id_does(present: list[str], wanted: str) -> None:
    stocked = [named(flagd.flag_set_key(each), each) for each in present]
    assert sets_of(selected(f"flagSetId={wanted}", stocked)) == [flagd.flag_set_key(wanted)] * (
        wanted in present
    )
