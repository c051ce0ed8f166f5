"""Semantic versions: what is one, and how they compare."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.engine.semver import compare, version_of

ORDER = [
    "0.0.1", "0.1.0", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0-a.b", "1.0.0-b", "1.0.0-rc.9",
    "1.0.0-rc.10", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0-x.7.z.92", "2.0.0", "10.0.0",
]  # fmt: skip


def test_versions_are_ordered_as_the_specification_says() -> None:
    keys = [version_of(text) for text in ORDER]
    assert None not in keys
    assert keys == sorted(keys)  # type: ignore[type-var]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("value", "same_as"),
    [
        ("1", "1.0.0"),
        ("1.2", "1.2.0"),
        ("v1.2.3", "1.2.3"),
        ("V1", "1.0.0"),
        ("1.0.0+build.7", "1.0.0"),
        (1, "1.0.0"),
        (1.0, "1.0.0"),
        (1.2, "1.2.0"),
        ("1-rc", "1.0.0-rc"),
        ("1.2-rc+b", "1.2.0-rc"),
    ],
)
def test_short_prefixed_and_numeric_versions(value: Any, same_as: str) -> None:
    assert version_of(value) == version_of(same_as) is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "v",
        "x",
        "1.0.0.0",
        "01.0.0",
        "1.02.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        " 1.0.0",
        "1.0.0\n",
        "1..0",
        "1.0.0+",
        "vv1",
        "١.0.0",
        "-1",
        "1" * 300,
        None,
        True,
        [],
        {},
        1e30,
        -1,
        1.5e-07,
    ],
)
def test_what_is_no_version(value: Any) -> None:
    assert version_of(value) is None
    assert compare(value, "=", "1.0.0") is None


@pytest.mark.parametrize(
    ("a", "operator", "b", "expected"),
    [
        ("1.2.3", "=", "1.2.3+x", True),
        ("1.2.3", "!=", "1.2.3", False),
        ("1.2.3-a", "<", "1.2.3", True),
        ("1.2.3", "<=", "1.2.3", True),
        ("1.10.0", ">", "1.9.9", True),
        ("1.0.0", ">=", "1.0.1", False),
        ("1.9.0", "^", "1.0.0", True),
        ("2.0.0", "^", "1.0.0", False),
        ("1.2.9", "~", "1.2.0", True),
        ("1.3.0", "~", "1.2.0", False),
        ("1.0.0", "==", "1.0.0", None),
        ("1.0.0", None, "1.0.0", None),
        ("1.0.0", "=", None, None),
    ],
)
def test_comparisons(a: Any, operator: Any, b: Any, expected: bool | None) -> None:
    assert compare(a, operator, b) is expected


def test_another_number_of_operands_gives_null() -> None:
    assert compare("1.0.0", "=") is None
    assert compare("1.0.0", "=", "1.0.0", "1.0.0") is None


@given(st.tuples(*[st.integers(0, 99)] * 3), st.tuples(*[st.integers(0, 99)] * 3))
def test_releases_compare_as_their_numbers(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    one, other = (".".join(map(str, parts)) for parts in (a, b))
    assert compare(one, "<", other) is (a < b)
    assert compare(one, "=", other) is (a == b)
    assert compare(one, ">=", other) is (a >= b)
