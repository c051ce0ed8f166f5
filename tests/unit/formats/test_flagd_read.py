"""Reading flagd documents: what is left out and what stays, and the keys of flag sets."""

import itertools
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.errors import LimitExceededError, MalformedError
from burgee.formats.flagd import Reading, flag_set_key, read
from burgee.model.flag import KEY_PATTERN
from burgee.model.limits import DEFAULT_LIMITS, Limits

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def reading(flags: Any, *, document: Any = None, **options: Any) -> Reading:
    return read(json.dumps({"flags": flags} | (document or {})).encode(), **options)


def contents(found: Reading) -> dict[str, list[str]]:
    return {each.flag_set.key: [flag.key for flag in each.flags] for each in found.documents}


def codes(found: Reading) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in found.faults]


def of_set(flag_set_id: Any) -> dict[str, Any]:
    return FLAG | {"metadata": {"flagSetId": flag_set_id}}


@pytest.mark.parametrize(
    ("flags", "document", "expected"),
    [
        ({}, {}, {"home": []}),
        ({"a": FLAG}, {}, {"home": ["a"]}),
        ({"b": of_set("z"), "a": of_set("z"), "c": of_set("y")}, {}, {"y": ["c"], "z": ["a", "b"]}),
        ({"a": of_set("z"), "b": FLAG}, {}, {"home": ["b"], "z": ["a"]}),
        ({"a": of_set("home"), "b": FLAG}, {}, {"home": ["a", "b"]}),
        ({"a": of_set("")}, {}, {"default": ["a"]}),
        ({"a": of_set(""), "b": FLAG}, {"metadata": {"flagSetId": "y"}}, {"default": ["a"], "y": ["b"]}),
        ({"a": FLAG}, {"metadata": {"flagSetId": ""}}, {"default": ["a"]}),
        (
            {"a": of_set("x/y"), "b": of_set("x:y")},
            {},
            {"x.y-1274e286686b54fe": ["b"], "x.y-bd3c9047d6816c31": ["a"]},
        ),
        ([FLAG | {"key": "a"}, of_set("z") | {"key": "a"}], {}, {"home": ["a"], "z": ["a"]}),
    ],
)
def test_flags_go_to_their_sets_in_the_order_of_the_keys(flags: Any, document: Any, expected: Any) -> None:
    found = reading(flags, document=document, flag_set="home")
    assert list(contents(found).items()) == list(expected.items())
    assert found.faults == ()


def test_every_set_has_the_source_the_metadata_and_the_evaluators_of_the_document() -> None:
    document: Any = {"metadata": {"n": 1.0, "flagSetId": "y"}, "$evaluators": {"e": {"==": [1, 1]}}}
    found = reading({"a": of_set("z"), "b": FLAG}, document=document, source="file:a.json")
    for each in found.documents:
        assert each.flag_set.source == "file:a.json"
        assert each.flag_set.evaluators == {"e": {"==": [1, 1]}}
        assert repr(each.flag_set.metadata["n"]) == "1.0"
        assert each.flag_set.metadata["flagSetId"] == each.flag_set.key


def test_what_is_null_or_empty_is_as_good_as_left_out() -> None:
    document: Any = {"metadata": None, "$evaluators": None, "$schema": None}
    [found] = reading(
        {"a": FLAG | {"targeting": {}, "metadata": None, "defaultVariant": None}}, document=document
    ).documents
    assert (found.flag_set.metadata, found.flag_set.evaluators) == ({}, {})
    assert [(flag.targeting, flag.metadata, flag.default_variant) for flag in found.flags] == [
        (None, {}, None)
    ]


def test_ids_versions_and_members_that_flagd_does_not_know_are_not_read() -> None:
    members = {
        "id": "7",
        "version": 7,
        "tags": ["t"],
        "name": "N",
        "$comment": 1,
        "flagSet": "other",
        "key": "other",
    }
    [found] = reading({"a": FLAG | members}).documents
    [flag] = found.flags
    assert (flag.id, flag.key, flag.version, flag.tags, flag.name, flag.flag_set) == (
        "",
        "a",
        0,
        (),
        "",
        "default",
    )


@pytest.mark.parametrize(
    ("flags", "expected", "kept"),
    [
        ({"a": FLAG, "b": None, "c": []}, [("/flags/b", "wrong-type"), ("/flags/c", "wrong-type")], ["a"]),
        ({"a/b~": FLAG}, [("/flags/a~1b~0", "invalid-key")], []),
        ({"x" * 128: FLAG, "x" * 129: FLAG}, [(f"/flags/{'x' * 129}", "invalid-key")], ["x" * 128]),
        ({"": FLAG}, [("/flags/", "invalid-key")], []),
        ([FLAG, FLAG | {"key": 1}, 1], [(f"/flags/{n}/key", "missing") for n in range(3)], []),
        (
            [FLAG | {"key": "b"}, FLAG | {"key": "b", "state": "DISABLED"}],
            [("/flags/1", "duplicate-key")],
            ["b"],
        ),
        ({"a": FLAG | {"variants": {"on": True, "off": 1}}}, [("/flags/a/variants", "mixed-variants")], []),
        (
            {"a": FLAG | {"variants": {"on": 1.5, "o/n": None, "off": "x"}}},
            [("/flags/a/variants/o~1n", "wrong-type"), ("/flags/a/variants", "mixed-variants")],
            [],
        ),
        (
            {"a": FLAG | {"metadata": {"x/y": []}}, "b": FLAG},
            [("/flags/a/metadata/x~1y", "wrong-type")],
            ["b"],
        ),
        ({"a": of_set(None), "b": FLAG}, [("/flags/a/metadata/flagSetId", "wrong-type")], ["b"]),
    ],
)
def test_faulty_flags_are_left_out_and_named_in_order(flags: Any, expected: Any, kept: list[str]) -> None:
    found = reading(flags)
    assert codes(found) == expected
    assert contents(found) == {"default": kept}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"metadata": {"flagSetId": 1}}, [("/metadata/flagSetId", "wrong-type")]),
        ({"metadata": {"x": None, "y": {}}}, [("/metadata/x", "wrong-type"), ("/metadata/y", "wrong-type")]),
        ({"$evaluators": {"a/b": [], "e": {}}}, [("/$evaluators/a~1b", "wrong-type")]),
    ],
)
def test_a_fault_of_the_document_leaves_its_flags_readable(document: Any, expected: Any) -> None:
    found = reading({"a": FLAG}, document=document)
    assert codes(found) == expected
    assert contents(found) == {"default": ["a"]}


@pytest.mark.parametrize("data", [b"[]", b"null", b'"flags"', b"{}", b'{"flag":{}}'])
def test_a_document_without_flags_holds_no_set(data: bytes) -> None:
    found = read(data)
    assert found.documents == ()
    assert len(found.faults) == 1


@pytest.mark.parametrize(("count", "refused"), [(2, False), (3, False), (4, True)])
def test_the_limit_on_flags_is_that_of_each_set(count: int, refused: bool) -> None:
    flags = {f"f{n}": of_set("z") if n % 2 else FLAG for n in range(2 * count)}
    found = reading(flags, limits=Limits(flags_per_set=3))
    assert codes(found) == [("/flags", "too-many-flags")] * 2 * refused
    assert [len(each.flags) for each in found.documents] == [count, count]


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (b"{", "json"),
        (b"", "json"),
        (b'{"flags":{},"flags":{}}', "json"),
        (b"{", "yaml"),
        (b"a: 1\na: 1\n", "yaml"),
    ],
)
def test_what_cannot_be_read_at_all_is_malformed(data: bytes, syntax: Literal["json", "yaml"]) -> None:
    with pytest.raises(MalformedError):
        read(data, syntax=syntax)


@pytest.mark.parametrize("syntax", ["json", "yaml"])
@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
def test_depth_and_bytes_are_limited(syntax: Literal["json", "yaml"], beyond: int, refused: bool) -> None:
    value: Any = {}
    for _ in range(
        DEFAULT_LIMITS.json_depth - 5 + beyond
    ):  # the document, flags, a flag, its variants, the value
        value = {"x": value}
    data = json.dumps({"flags": {"a": FLAG | {"variants": {"on": value}}}}).encode()
    for limits in (DEFAULT_LIMITS, Limits(import_bytes=len(data) - beyond, json_depth=99)):
        if refused:
            with pytest.raises(LimitExceededError):
                read(data, syntax=syntax, limits=limits)
        else:
            assert contents(read(data, syntax=syntax, limits=limits)) == {"default": ["a"]}


def test_json_and_yaml_of_one_document_read_the_same() -> None:
    flags = {
        "a": FLAG | {"variants": {"on": 10.0, "off": 10}, "metadata": {"since": "2026-01-01"}},
        "b c": FLAG,
    }
    data = json.dumps({"flags": flags, "metadata": {"flagSetId": "sso/dev"}}).encode()
    assert repr(read(data, syntax="yaml")) == repr(read(data))


@pytest.mark.parametrize(
    ("flag_set_id", "key"),
    [
        ("checkout", "checkout"),
        ("A-z_0.9", "A-z_0.9"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "x" * 100 + "-0ec9eb33e74510bc"),
        ("sso/dev", "sso.dev-88359c239a4ae317"),
        ("sso dev", "sso.dev-e17b745690af70b0"),
        ("größe", "gr..e-d353a2671b67afff"),
    ],
)
def test_the_keys_of_flag_sets_never_change(flag_set_id: str, key: str) -> None:
    assert flag_set_key(flag_set_id) == key


@given(st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_every_id_has_a_key_and_a_key_is_its_own(flag_set_id: str) -> None:
    key = flag_set_key(flag_set_id)
    assert KEY_PATTERN.fullmatch(key)
    assert flag_set_key(key) == key
    assert (key == flag_set_id) is bool(KEY_PATTERN.fullmatch(flag_set_id))


def test_ids_that_are_alike_have_keys_of_their_own() -> None:
    ids = ["".join(each) for each in itertools.product("/:", repeat=14)]
    assert len({flag_set_key(each) for each in ids}) == len(ids)


@pytest.mark.parametrize(("flags", "option"), [({"a": of_set("sso/dev")}, None), ({"a": FLAG}, "sso/dev")])
def test_an_id_that_is_no_key_stays_in_the_metadata_wherever_it_stood(flags: Any, option: str | None) -> None:
    [found] = reading(flags, flag_set=option).documents
    assert found.flag_set.key == "sso.dev-88359c239a4ae317"
    assert found.flag_set.metadata["flagSetId"] == "sso/dev"


@given(st.binary(max_size=40), st.sampled_from(["json", "yaml"]))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes, syntax: Literal["json", "yaml"]) -> None:
    try:
        found = read(data, syntax=syntax)
    except (MalformedError, LimitExceededError) as error:
        assert error.faults
    else:
        assert found.faults or found.documents


@pytest.mark.parametrize(("count", "told"), [(4, 4), (5, 5), (6, 6), (600, 6)])
@pytest.mark.parametrize(
    "faulty",
    [
        lambda count: {"flags": [1] * count},
        lambda count: {
            "flags": {
                "a": FLAG | {"variants": {str(each): [] for each in range(count)}, "defaultVariant": None}
            }
        },
        lambda count: {"flags": {}, "metadata": {str(each): [] for each in range(count)}},
        lambda count: {"flags": {}, "$evaluators": {str(each): 1 for each in range(count)}},
    ],
)
def test_the_reading_stops_when_nobody_would_read_on(
    faulty: Callable[[int], Any], count: int, told: int
) -> None:
    found = read(json.dumps(faulty(count)).encode(), limits=Limits(faults=5, variants=1000))
    assert len(found.faults) == told
    assert (found.faults[-1].code == "too-many-faults") is (count > 5)
    if count > 5:
        assert "more than 5 faults" in found.faults[-1].message
        assert found.documents == ()


def test_a_long_key_is_told_once() -> None:
    bad = {"variants": {str(each): [] for each in range(90)}, "state": 1}
    assert codes(reading({"k" * 10_000: bad})) == [("/flags/" + "k" * 10_000, "invalid-key")]
