"""flagd documents: structure, flag sets, all faults at once, and back again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.errors import InvalidInputError
from burgee.formats.flagd import flag_set_key, parse, read, render
from burgee.model.flag import FlagStatus
from burgee.model.limits import Limits
from burgee.model.snapshot import Snapshot

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def document(**members: Any) -> bytes:
    return json.dumps({"flags": {"a": FLAG}} | members).encode()


def faults(data: bytes, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        parse(data, **options)
    return {fault.pointer: fault.code for fault in caught.value.faults}


def with_flag(**members: Any) -> bytes:
    flag = {name: value for name, value in (FLAG | members).items() if value is not ...}
    return json.dumps({"flags": {"a": flag}}).encode()


def test_a_document_becomes_a_flag_set_of_flags() -> None:
    [found] = parse(
        document(
            flags={
                "b": FLAG,
                "a": FLAG | {"state": "DISABLED", "targeting": {"if": [True, "on"]}, "metadata": {"x": 1.5}},
            },
            metadata={"team": "us"},
            **{"$evaluators": {"e": {"==": [1, 1]}}},
        ),
        source="flags.json",
    )
    assert (found.flag_set.key, found.flag_set.source) == ("default", "flags.json")
    assert found.flag_set.metadata == {"team": "us"}
    assert found.flag_set.evaluators == {"e": {"==": [1, 1]}}
    first, second = found.flags
    assert (first.key, first.status, first.metadata) == ("a", FlagStatus.DISABLED, {"x": 1.5})
    assert (second.key, second.targeting, second.default_variant) == ("b", None, "on")


@pytest.mark.parametrize("default", [None, "", ...])
def test_no_default_variant_can_be_said_in_three_ways(default: Any) -> None:
    [found] = parse(with_flag(defaultVariant=default))
    assert found.flags[0].default_variant is None


def test_flags_may_be_a_list_with_keys() -> None:
    [found] = parse(document(flags=[FLAG | {"key": "z"}, FLAG | {"key": "y"}]))
    assert [flag.key for flag in found.flags] == ["y", "z"]


def test_a_list_is_refused_where_the_schema_named_is_that_of_providers() -> None:
    data = document(flags=[FLAG | {"key": "z"}], **{"$schema": "https://flagd.dev/schema/v0/flags.json"})
    assert faults(data) == {"/flags": "wrong-type"}


def test_yaml_reads_on_and_off_as_names() -> None:
    text = b"flags:\n  a:\n    state: ENABLED\n    variants: {on: 10, off: 10.0}\n    defaultVariant: on\n"
    [found] = parse(text, syntax="yaml")
    assert json.dumps(found.flags[0].variants) == '{"on": 10, "off": 10.0}'


def test_the_flag_set_is_the_flags_own_then_the_documents_then_the_callers() -> None:
    flags = {"own": FLAG | {"metadata": {"flagSetId": "x"}}, "plain": FLAG}
    sets = parse(document(flags=flags, metadata={"flagSetId": "y", "m": 1}), flag_set="z")
    assert {each.flag_set.key: [flag.key for flag in each.flags] for each in sets} == {
        "x": ["own"],
        "y": ["plain"],
    }
    assert {each.flag_set.key: each.flag_set.metadata["flagSetId"] for each in sets} == {"x": "x", "y": "y"}
    assert parse(document(), flag_set="z")[0].flag_set.key == "z"
    assert parse(document(metadata={"flagSetId": ""}))[0].flag_set.key == "default"


def test_an_id_that_is_no_key_becomes_one_and_stays_in_the_metadata() -> None:
    [found] = parse(document(metadata={"flagSetId": "sso/dev"}))
    assert found.flag_set.key == flag_set_key("sso/dev") == "sso.dev-88359c239a4ae317"
    assert found.flag_set.metadata["flagSetId"] == "sso/dev"
    assert flag_set_key("sso.dev") == "sso.dev"
    assert len(flag_set_key("ä" * 500)) <= 128


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"state": ...}, {"/flags/a/state": "invalid-state"}),
        ({"state": "enabled"}, {"/flags/a/state": "invalid-state"}),
        ({"state": 1}, {"/flags/a/state": "invalid-state"}),
        (
            {"variants": ...},
            {
                "/flags/a/variants": "missing",
            },
        ),
        ({"variants": {}}, {"/flags/a/variants": "invalid-variants"}),
        ({"variants": [True]}, {"/flags/a/variants": "invalid-variants"}),
        ({"variants": {"on": True, "off": "x"}}, {"/flags/a/variants": "mixed-variants"}),
        ({"variants": {"on": None}}, {"/flags/a/variants/on": "wrong-type"}),
        ({"variants": {"on": [1]}}, {"/flags/a/variants/on": "wrong-type"}),
        ({"variants": {"on": 1, "": 2}}, {"/flags/a/variants/": "invalid-variants"}),
        ({"defaultVariant": 1}, {"/flags/a/defaultVariant": "wrong-type"}),
        ({"defaultVariant": "gone"}, {"/flags/a/defaultVariant": "unknown-variant"}),
        ({"targeting": [1]}, {"/flags/a/targeting": "wrong-type"}),
        ({"metadata": {"x": None}}, {"/flags/a/metadata/x": "wrong-type"}),
        ({"metadata": {"x": {"y": 1}}}, {"/flags/a/metadata/x": "wrong-type"}),
        ({"metadata": 1}, {"/flags/a/metadata": "wrong-type"}),
        ({"metadata": {"flagSetId": 1}}, {"/flags/a/metadata/flagSetId": "wrong-type"}),
    ],
)
def test_each_structural_fault_has_its_place(members: dict[str, Any], expected: dict[str, str]) -> None:
    assert faults(with_flag(**members)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[]", {"": "not-an-object"}),
        (b"{}", {"/flags": "missing"}),
        (b'{"flags":1}', {"/flags": "wrong-type"}),
        (b'{"flags":{"a":1}}', {"/flags/a": "wrong-type"}),
        (b'{"flags":[{}]}', {"/flags/0/key": "missing"}),
        (b'{"flags":{},"metadata":[]}', {"/metadata": "wrong-type"}),
        (b'{"flags":{},"$evaluators":[]}', {"/$evaluators": "wrong-type"}),
        (b'{"flags":{},"$evaluators":{"e":1}}', {"/$evaluators/e": "wrong-type"}),
    ],
)
def test_a_document_of_another_shape_is_refused(data: bytes, expected: dict[str, str]) -> None:
    assert faults(data) == expected


def test_all_faults_of_all_flags_come_at_once_and_the_good_flags_can_be_read() -> None:
    flags = {"a b": FLAG, "c": FLAG | {"state": 0, "variants": {}}, "d/e": 1, "fine": FLAG}
    assert set(faults(document(flags=flags))) == {
        "/flags/a b",
        "/flags/c/state",
        "/flags/c/variants",
        "/flags/d~1e",
    }
    [found] = read(document(flags=flags)).documents
    assert [flag.key for flag in found.flags] == ["fine"]


@pytest.mark.parametrize(("count", "refused"), [(2, False), (3, False), (4, True)])
def test_a_set_has_at_most_so_many_flags_and_a_flag_so_many_variants(count: int, refused: bool) -> None:
    limits = Limits(flags_per_set=3, variants=3)
    many_flags = document(flags={f"f{n}": FLAG for n in range(count)})
    many_variants = with_flag(variants={f"v{n}": n for n in range(count)}, defaultVariant="v0")
    if not refused:
        assert parse(many_flags, limits=limits)
        assert parse(many_variants, limits=limits)
        return
    assert faults(many_flags, limits=limits) == {"/flags": "too-many-flags"}
    assert faults(many_variants, limits=limits) == {"/flags/a/variants": "too-many-variants"}


def test_a_document_over_the_import_limit_is_refused() -> None:
    data = document()
    assert parse(data, limits=Limits(import_bytes=len(data)))
    assert faults(data, limits=Limits(import_bytes=len(data) - 1)) == {"": "too-large"}


names = st.text(alphabet="abcXYZ019._-", min_size=1, max_size=6)
values = st.one_of(
    st.dictionaries(names, st.booleans(), min_size=1, max_size=3),
    st.dictionaries(names, st.integers(-99, 99) | st.floats(-9, 9), min_size=1, max_size=3),
    st.dictionaries(names, st.text(max_size=5), min_size=1, max_size=3),
    st.dictionaries(
        names, st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2), min_size=1, max_size=3
    ),
)


@given(
    st.dictionaries(names, values, min_size=1, max_size=4),
    st.dictionaries(st.text(max_size=4), st.booleans() | st.integers(0, 9) | st.text(max_size=4), max_size=3),
)
def test_what_was_parsed_and_rendered_parses_the_same(
    flags: dict[str, Any], metadata: dict[str, Any]
) -> None:
    metadata.pop("flagSetId", None)
    definitions = {
        key: {
            "state": "DISABLED",
            "variants": variants,
            "defaultVariant": min(variants),
            "metadata": metadata,
        }
        for key, variants in flags.items()
    }
    [first] = parse(document(flags=definitions, metadata={"flagSetId": "set"}))
    again = parse(render(Snapshot(flag_set=first.flag_set, flags=first.flags)))
    assert again == (first,)


def test_rendered_flags_have_no_members_that_in_process_providers_refuse() -> None:
    [found] = parse(with_flag(name="N", tags=["t"], description="d"))
    rendered = json.loads(render(Snapshot(flag_set=found.flag_set, flags=found.flags)))
    assert rendered == {"flags": {"a": FLAG}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "flags",
                        "a",
                        "state",
                        "variants",
                        "metadata",
                        "$evaluators",
                        "targeting",
                        "flagSetId",
                        "key",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_no_json_raises_anything_but_a_refusal(value: Any) -> None:
    try:
        parse(json.dumps(value).encode())
    except InvalidInputError as error:
        assert error.faults
