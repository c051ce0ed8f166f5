"""Drafts: what a client may write, and how every fault in it is named."""

import pytest

from burgee.errors import InvalidInputError
from burgee.model.flag import FlagStatus
from burgee.model.flag_set import FractionalGeneration
from burgee.model.json import JsonValue
from burgee.service.drafts import (
    FlagDraft,
    FlagSetDraft,
    draft_of_flag,
    draft_of_flag_set,
    flag_draft,
    flag_set_draft,
    form_of,
    same_content,
)
from burgee.testing.builders import a_flag, a_flag_set


def faults_of(form: JsonValue) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInputError) as caught:
        flag_draft(form)
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


def test_the_form_of_a_flag_reads_back_as_the_same_draft() -> None:
    draft = draft_of_flag(a_flag())
    assert flag_draft(form_of(draft)) == draft


def test_the_form_of_a_flag_set_reads_back_as_the_same_draft() -> None:
    draft = draft_of_flag_set(a_flag_set())
    assert flag_set_draft(form_of(draft)) == draft


def test_what_is_left_out_has_its_default() -> None:
    assert flag_draft({}) == FlagDraft()
    assert flag_set_draft({"fractional": "v3"}) == FlagSetDraft(fractional=FractionalGeneration.V3)


def test_every_fault_is_named_at_once() -> None:
    form: JsonValue = {
        "name": 1,
        "status": "ON",
        "variants": [],
        "metadata": {"ok": 1, "a/b": None, "c~": {"deep": 1}},
        "tags": ["a", 2],
        "colour": "red",
    }
    assert faults_of(form) == {
        ("/name", "wrong-type"),
        ("/status", "wrong-type"),
        ("/variants", "wrong-type"),
        ("/metadata/a~1b", "wrong-type"),
        ("/metadata/c~0", "wrong-type"),
        ("/tags/1", "wrong-type"),
        ("/colour", "unknown-field"),
    }


@pytest.mark.parametrize("form", [None, [], "x", 1, True])
def test_a_draft_is_an_object(form: JsonValue) -> None:
    assert faults_of(form) == {("", "wrong-type")}


def test_an_evaluator_that_is_no_object_is_named() -> None:
    with pytest.raises(InvalidInputError) as caught:
        flag_set_draft({"evaluators": {"good": {}, "bad": []}})
    assert [fault.pointer for fault in caught.value.faults] == ["/evaluators/bad"]


@pytest.mark.parametrize(("one", "other"), [(10, 10.0), (True, 1), (0, False), ("1", 1), ([], {})])
def test_values_that_python_calls_equal_are_different_content(one: JsonValue, other: JsonValue) -> None:
    assert not same_content(FlagDraft(variants={"a": one}), FlagDraft(variants={"a": other}))


def test_the_order_of_members_is_no_content() -> None:
    assert same_content(FlagDraft(variants={"a": 1, "b": 2}), FlagDraft(variants={"b": 2, "a": 1}))
    assert not same_content(FlagDraft(tags=("a", "b")), FlagDraft(tags=("b", "a")))


def test_status_reads_as_an_enum() -> None:
    assert flag_draft({"status": "DISABLED"}).status is FlagStatus.DISABLED
