"""The strict decoder: what it takes, what it refuses, and where it says the fault is."""

import json
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burgee.errors import InvalidInputError, LimitExceededError, MalformedError
from burgee.formats.strict_json import decode, encode, escaped, loses_digits
from burgee.model.limits import DEFAULT_LIMITS, MAX_SAFE_INTEGER

EXAMPLES = int(os.environ.get("BURGEE_FUZZ_EXAMPLES", "500"))

ACCEPTED: list[tuple[bytes, Any]] = [
    (b"{}", {}),
    (b"[]", []),
    (b" \n\t null\r ", None),
    (b'{"a":{"a":1},"b":[{"a":2}]}', {"a": {"a": 1}, "b": [{"a": 2}]}),
    (b'{"url":"http://x:1/a","b":2}', {"url": "http://x:1/a", "b": 2}),
    (b'{"a\\"b:":1}', {'a"b:': 1}),
    (b'"\\u00e9\\ud83d\\ude00"', "é\U0001f600"),
    ('"é\U0001f600"'.encode(), "é\U0001f600"),
    (b"-0.0", -0.0),
    (b"1E2", 100.0),
    (b"123456789.5", 123456789.5),
]
REFUSED: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b"  \n", "empty"),
    (b"{", "malformed-json"),
    (b'{"a":1,}', "malformed-json"),
    (b"[1,]", "malformed-json"),
    (b"{'a':1}", "malformed-json"),
    (b"{a:1}", "malformed-json"),
    (b"01", "malformed-json"),
    (b"+1", "malformed-json"),
    (b".5", "malformed-json"),
    (b"1.", "malformed-json"),
    (b"0x10", "malformed-json"),
    (b"NaN", "malformed-json"),
    (b"-Infinity", "malformed-json"),
    (b"1e400", "malformed-json"),
    (b"-1e400", "malformed-json"),
    (b"tru", "malformed-json"),
    (b'"a\nb"', "malformed-json"),
    (b'"\\x41"', "malformed-json"),
    (b"{} {}", "malformed-json"),
    (b"// c\n{}", "malformed-json"),
    (b'["\\ud800"]', "malformed-json"),
    (b'["\\udc00\\ud800"]', "malformed-json"),
    (b'"\xff"', "bad-encoding"),
    (b'"\xc0\xaf"', "bad-encoding"),
    (b"\xef\xbb\xbf{}", "bad-encoding"),
    ("{}".encode("utf-16"), "bad-encoding"),
    ("{}".encode("utf-16-be"), "bad-encoding"),
    ("{}".encode("utf-32-le"), "bad-encoding"),
]


@pytest.mark.parametrize(("data", "value"), ACCEPTED, ids=[repr(data) for data, _ in ACCEPTED])
def test_strict_json_is_read(data: bytes, value: Any) -> None:
    decoded = decode(data)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(("data", "code"), REFUSED, ids=[repr(data) for data, _ in REFUSED])
def test_everything_else_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(data)
    assert caught.value.faults[0].code == code


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_nesting_ends_at_the_limit(opening: bytes, beyond: int) -> None:
    depth = DEFAULT_LIMITS.json_depth + beyond
    closing = b"]" if opening == b"[" else b"}"
    data = opening * depth + (b"" if opening == b"[" else b"1") + closing * depth
    if beyond <= 0:
        assert decode(data) is not None
        return
    with pytest.raises(LimitExceededError) as caught:
        decode(data)
    assert caught.value.faults[0].code == "too-deep"
    assert caught.value.faults[0].pointer.count("/") == DEFAULT_LIMITS.json_depth


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_absurd_nesting_is_refused_all_the_same(depth: int) -> None:
    with pytest.raises(InvalidInputError):
        decode(b"[" * depth + b"]" * depth)
    with pytest.raises(InvalidInputError):
        decode(b"[" * depth)


def test_many_openers_side_by_side_are_not_deep() -> None:
    assert decode(b"[" + b",".join([b"{}"] * 100) + b"]") == [{}] * 100


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_document_may_have_exactly_so_many_bytes(beyond: int) -> None:
    data = b'"' + b"x" * (98 + beyond) + b'"'
    if beyond <= 0:
        assert decode(data, max_bytes=100)
        return
    with pytest.raises(LimitExceededError, match="longer than 100 bytes"):
        decode(data, max_bytes=100)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b'{"a":1,"a":2}', "/a"),
        (b'{"a":1,"\\u0061":2}', "/a"),
        (b'{"x":[0,{"a/b":1,"a/b":1}]}', "/x/1/a~1b"),
        (b'{"u":"a:b:c","k":{"d":1,"d":1}}', "/k/d"),
        (b'[{"a" :1,"a" :2}]', "/0/a"),
    ],
)
def test_a_key_that_stands_twice_is_named_by_its_pointer(data: bytes, pointer: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(data)
    assert caught.value.faults == (caught.value.faults[0]._replace(pointer=pointer, code="duplicate-key"),)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("number", "accepted"),
    [
        (MAX_SAFE_INTEGER - 1, True),
        (MAX_SAFE_INTEGER, True),
        (MAX_SAFE_INTEGER + 1, True),  # 2**53 is still exact as a double
        (MAX_SAFE_INTEGER + 2, False),
        (10**20, True),  # as JavaScript writes 1e20
        (2**64 - 1, False),
        (10**23, False),
    ],
)
@pytest.mark.parametrize("frame", [b"%d", b"[%d]", b'{"a":[%d]}'])
def test_an_integer_is_refused_where_it_would_lose_digits(
    number: int, accepted: bool, sign: int, frame: bytes
) -> None:
    data = frame % (sign * number)
    if accepted:
        assert encode(decode(data)) == data
        return
    with pytest.raises(MalformedError):
        decode(data)


def test_an_integer_of_five_thousand_digits_is_refused() -> None:
    with pytest.raises(MalformedError):
        decode(b"9" * 5000)
    assert loses_digits(10**5000)


def test_whole_numbers_keep_their_written_form() -> None:
    data = b'{"ten":10,"float":10.0,"half":0.5}'
    assert encode(decode(data)) == data


def test_faults_name_the_byte() -> None:
    with pytest.raises(MalformedError, match="at byte 5"):
        decode(b'{"a":x}')


def test_pointers_escape_what_rfc_6901_says() -> None:
    assert escaped("a/b~c") == "a~1b~0c"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_was_encoded_is_decoded_the_same(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(json.dumps(value).encode()) == value


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0123ed.-+ntf ', max_size=40).map(str.encode))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        value = decode(data)
    except InvalidInputError as error:
        assert error.faults
        return
    assert json.loads(data) == value


LONG = b'"' + b"k" * 100_000 + b'":[' + b"1," * 50_000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{" + LONG + b"[" * 40 + b"]" * 40 + b"]}", "too-deep"),
        (b"{" + LONG + b'{"a":1,"a":2}]}', "duplicate-key"),
    ],
)
def test_a_refusal_under_a_long_key_costs_no_more_than_its_bytes(data: bytes, code: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidInputError) as caught:
        decode(data)
    assert time.process_time() - started < 1  # with a pointer for every item it would be 5 GB of text
    [fault] = caught.value.faults
    assert fault.code == code
    assert len(fault.pointer) > 100_000
