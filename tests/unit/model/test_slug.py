"""The slug of a name is always a key, the same one for the same name, and the name itself where it can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.model.flag import KEY_PATTERN
from burgee.model.slug import slug


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("newCheckout", "newCheckout"),
        ("a.b_c-d", "a.b_c-d"),
        ("k" * 128, "k" * 128),
        ("New Checkout", "new-checkout"),
        ("  spaces  around ", "spaces-around"),
        ("Größe & Länge", "groe-lange"),
        ("a/b\\c", "a-b-c"),
        ("日本", "flag"),
        ("!!!", "flag"),
        ("", "flag"),
        ("two words " * 20, "two-words-" * 11 + "two-words"),
        ("k" * 129, "k" * 119),
    ],
)
def test_a_name_has_this_slug(name: str, key: str) -> None:
    assert slug(name) == key


@given(st.text(max_size=300))
def test_a_slug_is_a_key_and_its_own_slug(name: str) -> None:
    assert KEY_PATTERN.fullmatch(slug(name))
    assert slug(slug(name)) == slug(name)


@given(st.from_regex(KEY_PATTERN, fullmatch=True))
def test_a_name_that_is_a_key_is_its_own_slug(name: str) -> None:
    assert slug(name) == name
