"""YAML as far as JSON goes."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.errors import InvalidInputError
from burgee.formats import strict_json
from burgee.formats.strict_yaml import decode
from burgee.model.limits import DEFAULT_LIMITS

VALUES: list[tuple[str, Any]] = [
    ("a: 1", {"a": 1}),
    ("a: 1.0", {"a": 1.0}),
    ("a: 1e2", {"a": 100.0}),
    ("a: '1'", {"a": "1"}),
    ('a: "true"', {"a": "true"}),
    ("a: true", {"a": True}),
    ("a: on", {"a": "on"}),
    ("on: off", {"on": "off"}),
    ("a: yes", {"a": "yes"}),
    ("a: ~", {"a": None}),
    ("a:", {"a": None}),
    ("a: 2020-01-01", {"a": "2020-01-01"}),
    ("a: 12:30", {"a": "12:30"}),
    ("a: 0o17", {"a": "0o17"}),
    ("1: x", {"1": "x"}),
    ("- a\n- [1, {b: c}]", ["a", [1, {"b": "c"}]]),
    ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
    ("# only a comment\na: b", {"a": "b"}),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_document_is_read_by_the_core_schema(text: str, value: Any) -> None:
    decoded = decode(text.encode())
    assert decoded == value
    assert strict_json.encode(decoded) == strict_json.encode(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("a: &x 1\nb: *x", "yaml-alias"),
        ("a: &x 1", "yaml-alias"),
        ("a: !!python/object:os.system x", "yaml-tag"),
        ("a: !!str 1", "yaml-tag"),
        ("a: 1\na: 2", "duplicate-key"),
        ("'a': 1\na: 2", "duplicate-key"),
        ("? [a]\n: 1", "malformed-yaml"),
        ("a: [", "malformed-yaml"),
        ("a: 1\n---\nb: 2", "malformed-yaml"),
        ("a: .nan", "not-finite"),
        ("a: -.inf", "not-finite"),
        ("a: 1e400", "not-finite"),
        ("a: 9007199254740993", "integer-too-large"),
        ("a: " + "9" * 500, "integer-too-large"),
        ("\ufeffa: 1", "bad-encoding"),
    ],
)
def test_what_json_cannot_say_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode(text.encode())
    assert caught.value.faults[0].code == code


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    with pytest.raises(InvalidInputError, match="at byte 3"):
        decode(b"a: \xff")


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (".nan", ""),
        ("- 1\n- .nan", "/1"),
        ("- [1]\n- [2, {a: 1, b/c: [3, .nan]}]", "/1/1/b~1c/1"),
        ("- [1]\n- {a: {}}\n- .nan", "/2"),
        ("a: {b: [1]}\nc: .nan", "/c"),
        ("a: 1\nb: {c: 1, d: 2, c: 3}", "/b/c"),
        ("a: [1, {? [x] : 1}]", "/a/1"),
    ],
)
def test_a_refusal_points_at_the_place(text: str, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode(text.encode())
    assert caught.value.faults[0].pointer == pointer


def test_a_long_key_over_many_items_costs_no_more_than_its_bytes() -> None:
    long, items = b"k" * 400_000, b"1," * 200_000 + b"1"
    started = time.process_time()
    value = decode(b'? "' + long + b'"\n: [' + items + b"]")
    assert time.process_time() - started < 5  # a pointer for every item would be 80 GB of text
    assert value == {long.decode(): [1] * 200_001}


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_nesting_ends_at_the_limit(beyond: int) -> None:
    depth = DEFAULT_LIMITS.json_depth + beyond
    data = b"[" * depth + b"]" * depth
    if beyond <= 0:
        assert decode(data) is not None
    else:
        with pytest.raises(InvalidInputError, match="deeper than 32"):
            decode(data)


def test_a_thousand_levels_are_refused_and_not_recursed_into() -> None:
    with pytest.raises(InvalidInputError, match="deeper"):
        decode(b"[" * 1000 + b"]" * 1000)


def test_a_document_over_its_bytes_is_refused() -> None:
    assert decode(b"a: 1", max_bytes=4) == {"a": 1}
    with pytest.raises(InvalidInputError, match="longer than 3 bytes"):
        decode(b"a: 1", max_bytes=3)


printable = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | printable,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(printable, inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_is_yaml(value: Any) -> None:
    assert decode(strict_json.encode(value)) == value


@given(st.binary(max_size=40) | st.text(alphabet="a:-[]{}&*!|>'\"%@`# \n\t1?,", max_size=30).map(str.encode))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        strict_json.encode(decode(data))
    except InvalidInputError as error:
        assert error.faults
