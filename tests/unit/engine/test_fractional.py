"""Bucketing: golden vectors that users' rollouts depend on, and the laws behind them."""

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmh3 import mmh3_32_uintdigest

from burgee.engine.fractional import (
    bucket_v2,
    bucket_v3,
    cbor,
    cbor_text,
    fractional_v2,
    fractional_v3,
    pick,
    shares,
    weight_of,
)
from burgee.engine.values import EvaluationBoundError
from burgee.model.limits import MAX_WEIGHT_SUM

MILLION = 1_000_000

# These vectors only grow: a change of any of them moves subjects of running rollouts.
V2: list[tuple[str, int]] = [
    ("", 0),
    ("a", 234945),
    ("user-1", 971229),
    ("user-2", 869495),
    ("jon@company.com", 362687),
    ("5c3d8535-f81a-4478-a6d3-afaa4d51199e", 229381),
    ("é", 62759),
    ("\U0001f600", 744936),
    ("flaguser", 148878),
    ("x" * 300, 733689),
]
V3: list[tuple[Any, int]] = [
    ("", 154033),
    ("a", 215096),
    ("user-1", 333327),
    (["flag", "user-1"], 280512),
    (True, 194696),
    (False, 27119),
    (0, 317598),
    (-1, 495919),
    (23, 835328),
    (24, 430880),
    (255, 489606),
    (256, 480209),
    (65535, 149752),
    (65536, 429423),
    (4294967296, 729151),
    (-25, 636776),
    (1.5, 80778),
    (0.1, 25402),
    (1e300, 692241),
    ({"b": 1, "a": [1, "x"]}, 571892),
    ([], 62188),
    ({}, 95216),
]
HASH_EDGES = [("ejOoVL", 0), ("bY9fO-", 1), ("SI7p-", 2**31 - 1), ("6LvT0", 2**31), ("ceQdGm", 2**32 - 1)]


@pytest.mark.parametrize(("text", "bucket"), V2)
def test_golden_vectors_of_v2(text: str, bucket: int) -> None:
    assert bucket_v2(text, MILLION) == bucket


@pytest.mark.parametrize(("value", "bucket"), V3)
def test_golden_vectors_of_v3(value: Any, bucket: int) -> None:
    assert bucket_v3(value, MILLION) == bucket


@pytest.mark.parametrize(("text", "digest"), HASH_EDGES)
def test_the_edges_of_the_hash_fall_on_the_right_side(text: str, digest: int) -> None:
    assert mmh3_32_uintdigest(text.encode()) == digest
    assert bucket_v2(text, 100) == digest * 100 >> 32
    assert bucket_v2(text, MAX_WEIGHT_SUM) < MAX_WEIGHT_SUM


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65535, 65536])
def test_texts_of_every_header_length_are_canonical(size: int) -> None:
    assert cbor_text("x" * size) == cbor2.dumps("x" * size, canonical=True)


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (1.0, 1),
        (-0.0, 0),
        (-2.0, -2),
        ([1.0, {"a": 2.0}], [1, {"a": 2}]),
        (float(2**63), 2**63),
        (10**20, 1e20),
    ],
)
def test_a_number_is_bucketed_by_its_value_not_by_how_it_is_written(value: Any, same: Any) -> None:
    assert cbor(value) == cbor(same)


def test_a_value_that_shares_its_parts_cannot_grow_without_bound() -> None:
    value: Any = []
    for _ in range(40):
        value = [value, value]
    with pytest.raises(EvaluationBoundError):
        bucket_v3(value, 100)


@given(st.text(), st.integers(1, MAX_WEIGHT_SUM))
def test_a_bucket_is_within_the_total_and_always_the_same(text: str, total: int) -> None:
    for bucket in (bucket_v2, bucket_v3):
        assert 0 <= bucket(text, total) < total
        assert bucket(text, total) == bucket(text, total)


@given(st.text(), st.integers(0, 99), st.integers(0, 100), st.sampled_from([bucket_v2, bucket_v3]))
def test_growing_a_share_never_takes_it_from_a_subject(text: str, share: int, more: int, bucket: Any) -> None:
    place = bucket(text, 100)
    before = pick(("on", "off"), (share, 100 - share), place)
    grown = min(share + more, 100)
    after = pick(("on", "off"), (grown, 100 - grown), place)
    assert not (before == "on" and after == "off")


@pytest.mark.parametrize("bucket", [bucket_v2, bucket_v3])
def test_subjects_spread_evenly(bucket: Any) -> None:
    counts = [0] * 10
    for number in range(20_000):
        counts[bucket(f"user-{number}", 10)] += 1
    assert all(1_800 < count < 2_200 for count in counts)


@pytest.mark.parametrize(
    ("value", "weight"),
    [(None, 1), (0, 0), (7, 7), (-3, 0), (25.0, 25), (2.5, None), (True, None), ("1", None), ([], None)],
)
def test_weights(value: Any, weight: int | None) -> None:
    assert weight_of(value) == weight


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([["a"], ["b", 3]], (("a", "b"), (1, 3))),
        ([["a", -5], ["b", 1]], (("a", "b"), (0, 1))),
        ([[None, 1]], ((None,), (1,))),
        ([], None),
        ([["a", 0]], None),
        ([[]], None),
        ([["a", 1, 2]], None),
        (["a"], None),
        ([[["a"], 1]], None),
        ([["a", MAX_WEIGHT_SUM]], (("a",), (MAX_WEIGHT_SUM,))),
        ([["a", MAX_WEIGHT_SUM], ["b", 1]], None),
    ],
)
def test_shares(entries: list[Any], expected: Any) -> None:
    assert shares(entries) == expected


SHARES = [["a", 1], ["b", 1]]


@pytest.mark.parametrize(
    ("data", "arguments", "subject"),
    [
        ({"targetingKey": "u"}, SHARES, "flagu"),
        ({"targetingKey": "u"}, [None, *SHARES], "flagu"),
        ({}, ["seed", *SHARES], "seed"),
        ({"targetingKey": "u"}, ["", *SHARES], ""),
        ({}, SHARES, None),
        ({"targetingKey": ""}, SHARES, None),
        ({"targetingKey": 7}, SHARES, None),
        ({"targetingKey": "u"}, [7, *SHARES], None),
        ({"targetingKey": "u"}, [], None),
        (None, SHARES, None),
    ],
)
def test_what_v2_buckets_by(data: Any, arguments: list[Any], subject: str | None) -> None:
    expected = None if subject is None else "ab"[bucket_v2(subject, 2)]
    assert fractional_v2(data, "flag", arguments) == expected


@pytest.mark.parametrize(
    ("data", "arguments", "subject"),
    [
        ({"targetingKey": "u"}, SHARES, ["flag", "u"]),
        ({"targetingKey": "u"}, [None, *SHARES], None),
        ({}, [7, *SHARES], 7),
        ({}, [{"a": 1}, *SHARES], {"a": 1}),
        ({"targetingKey": True}, SHARES, None),
        ({}, SHARES, None),
    ],
)
def test_what_v3_buckets_by(data: Any, arguments: list[Any], subject: Any) -> None:
    expected = None if subject is None else "ab"[bucket_v3(subject, 2)]
    assert fractional_v3(data, "flag", arguments) == expected
