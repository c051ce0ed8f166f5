"""Parameters: their edges, and that every fault is named at once."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from burgee.errors import Fault
from burgee.surfaces.http.parameters import InvalidRequestError, Parameter, Place, read_parameters

LIMIT = Parameter(name="limit", place=Place.QUERY, description="", kind="integer", minimum=1, maximum=10)
SINCE = Parameter(name="since", place=Place.QUERY, description="", kind="number", minimum=0)
DRY = Parameter(name="dryRun", place=Place.QUERY, description="", kind="boolean")
WORD = Parameter(name="word", place=Place.QUERY, description="", pattern="[a-z]+", min_length=2, max_length=4)
STATUS = Parameter(name="status", place=Place.QUERY, description="", choices=("ON", "OFF"))
TAG = Parameter(name="If-Match", place=Place.HEADER, description="", pattern='"[0-9]+"')
KEY = Parameter(name="key", place=Place.PATH, description="", pattern="[a-z]{1,3}")
ALL = (LIMIT, SINCE, DRY, WORD, STATUS, TAG, KEY)


def read(query: str, path: dict[str, str] | None = None, *headers: tuple[str, str]) -> dict[str, object]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return dict(read_parameters(ALL, path=path or {}, query=query.encode(), headers=Headers(raw=raw)))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("limit=1", {"limit": 1}),
        ("limit=10", {"limit": 10}),
        ("since=0", {"since": 0.0}),
        ("since=1.5", {"since": 1.5}),
        ("dryRun=true", {"dryRun": True}),
        ("dryRun=false", {"dryRun": False}),
        ("word=ab", {"word": "ab"}),
        ("word=abcd", {"word": "abcd"}),
        ("status=ON", {"status": "ON"}),
        ("", {}),
    ],
)
def test_what_is_within_bounds_is_read(query: str, value: dict[str, object]) -> None:
    assert read(query) == value


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=11",
        "limit=1.0",
        "limit=+1",
        "limit=٣",
        "limit=",
        "limit=99999999999999999",
        "since=-1",
        "since=1e3",
        "since=nan",
        "dryRun=1",
        "dryRun=True",
        "dryRun=",
        "word=a",
        "word=abcde",
        "word=ab%0a",
        "word=AB",
        "status=on",
        "nope=1",
        "limit=1&limit=1",
        "word=%ff",
        "word=é",
        "&".join(f"x{n}=1" for n in range(40)),
    ],
)
def test_what_is_not_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        read(query)


def test_all_faults_are_named_with_their_place() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read("limit=0&nope=1&word=A", {"key": "LONG"}, ("If-Match", "7"))
    found = {
        (place.value, fault.pointer)
        for place, fault in zip(caught.value.places, caught.value.faults, strict=True)
    }
    assert found == {
        ("query", "/limit"),
        ("query", ""),
        ("query", "/word"),
        ("path", "/key"),
        ("header", "/If-Match"),
    }


def test_repeated_header_lines_are_one_list() -> None:
    with pytest.raises(InvalidRequestError):
        read("", None, ("If-Match", '"1"'), ("If-Match", '"2"'))
    assert read("", None, ("If-Match", '"1"')) == {"If-Match": '"1"'}


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_a_fault(text: str) -> None:
    for parameter in ALL:
        value = parameter.read(text)
        if isinstance(value, Fault):
            assert value.pointer == f"/{parameter.name}"
        elif isinstance(value, str):
            assert value == text


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    with suppress(InvalidRequestError):
        assert isinstance(read_parameters(ALL, path={}, query=query, headers=Headers(raw=[])), dict)


def test_the_description_says_the_same_bounds() -> None:
    assert LIMIT.document()["schema"] == {"type": "integer", "minimum": 1, "maximum": 10}
    assert WORD.document()["schema"] == {
        "type": "string",
        "maxLength": 4,
        "minLength": 2,
        "pattern": "^[a-z]+$",
    }
    assert STATUS.document()["schema"] == {"type": "string", "enum": ["ON", "OFF"]}
    assert KEY.document()["required"] is True
    assert TAG.document()["in"] == "header"
