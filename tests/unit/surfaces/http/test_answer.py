"""Answers before any framework: lengths, compression, entity tags."""

import gzip

import pytest

from burgee.surfaces.http.answer import (
    GZIP_FROM_BYTES,
    Answer,
    accepts_gzip,
    compressed,
    json_answer,
    matches_etag,
)


def test_the_tail_states_the_length_of_the_body() -> None:
    tail = json_answer(200, b"{}").tail()
    assert tail.endswith(b"content-length: 2\r\n\r\n{}")
    assert b"content-type: application/json\r\n" in tail


def test_a_not_modified_answer_has_neither_length_nor_body() -> None:
    assert Answer(304, ((b"etag", b'"a"'),)).tail() == b'etag: "a"\r\n\r\n'


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (b"gzip", True),
        (b"deflate, gzip;q=0.5", True),
        (b"GZIP", True),
        (b"x-gzip", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*, gzip;q=0", False),
        (b"gzip;q=0.001", True),
        (b"br", False),
        (b"", False),
    ],
)
def test_gzip_is_sent_only_to_who_takes_it(header: bytes, taken: bool) -> None:
    assert accepts_gzip(header) is taken


@pytest.mark.parametrize(
    ("size", "packed"), [(GZIP_FROM_BYTES - 1, False), (GZIP_FROM_BYTES, True), (GZIP_FROM_BYTES + 1, True)]
)
def test_bodies_are_compressed_from_one_kibibyte(size: int, packed: bool) -> None:
    answer = compressed(json_answer(200, b"x" * size, (b"etag", b'"abc"')), b"gzip")
    headers = dict(answer.headers)
    assert (headers.get(b"content-encoding") == b"gzip") is packed
    assert headers[b"etag"] == (b'"abc-gzip"' if packed else b'"abc"')
    assert (headers.get(b"vary") == b"accept-encoding") is packed
    body = gzip.decompress(answer.body) if packed else answer.body
    assert body == b"x" * size


def test_a_long_body_varies_even_where_it_is_not_compressed() -> None:
    answer = compressed(json_answer(200, b"x" * 2000), b"")
    assert (b"vary", b"accept-encoding") in answer.headers
    assert answer.body == b"x" * 2000


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"other", "abc"', True),
        (b'"other",W/"abc"', True),
        (b"abc", True),
        (b"*", True),
        (b'"abc-gzip"', True),
        (b'"ab"', False),
        (b'"abcd"', False),
        (b"", False),
    ],
)
def test_if_none_match_is_read_as_lists_weak_tags_and_a_star(header: bytes, matches: bool) -> None:
    assert matches_etag(header, b'"abc"') is matches
