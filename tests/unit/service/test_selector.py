"""Selectors as flagd reads them."""

import pytest

from burgee.errors import InvalidInputError
from burgee.service.selector import Selector, parse_selector


@pytest.mark.parametrize("text", [None, "", "   "])
def test_no_selector_asks_for_everything(text: str | None) -> None:
    assert parse_selector(text) is None


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("flagSetId=checkout", Selector("flagSetId", "checkout")),
        ("flagSetId=", Selector("flagSetId", "")),
        ("source=flags/a.json", Selector("source", "flags/a.json")),
        (" source = a ", Selector("source", "a")),
        ("flags/a.json", Selector("source", "flags/a.json")),
        ("source=http://x/?a=1", Selector("source", "http://x/?a=1")),
    ],
)
def test_a_selector_names_a_set_or_a_source(text: str, selector: Selector) -> None:
    assert parse_selector(text) == selector


@pytest.mark.parametrize("text", ["key=1", "=x", "flagsetid=a", "flagSetId=a,source=b", "flagSetId =a,b=c"])
def test_another_key_or_two_of_them_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="invalid selector") as caught:
        parse_selector(text)
    assert [fault.code for fault in caught.value.faults] == ["invalid-selector"]


def test_a_selector_reflects_itself_unless_it_is_empty() -> None:
    assert Selector("flagSetId", "checkout").reflection == {"flagSetId": "checkout"}
    assert Selector("source", "a").reflection == {"source": "a"}
    assert Selector("flagSetId", "").reflection == {}
