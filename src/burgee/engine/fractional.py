"""Bucketing: the place of one subject among shares, in both living generations (flagd.md section 0.1).

V2: MurmurHash3 (x86, 32 bits, seed 0) over the UTF-8 text. V3: the same hash over canonical CBOR
(RFC 8949 section 4.2.1) of any JSON value, whole floats as integers. Bucket = (hash * total) >> 32.
"""

from itertools import accumulate
from struct import pack
from typing import Any

from mmh3 import mmh3_32_uintdigest

from burgee.engine.values import MAX_VISITS, EvaluationBoundError
from burgee.model.json import JsonValue
from burgee.model.limits import MAX_WEIGHT_SUM

_SHORT_HEADERS = tuple(bytes([0x60 + length]) for length in range(24))


def bucket_v2(text: str, total: int) -> int:
    """The place of `text` in 0 to total - 1."""
    return (mmh3_32_uintdigest(text.encode()) * total) >> 32


def bucket_v3(value: JsonValue, total: int) -> int:
    """The place of any JSON value in 0 to total - 1.

    Raises EvaluationBoundError for a value too large, UnicodeEncodeError for a lone surrogate.
    """
    return (mmh3_32_uintdigest(cbor(value)) * total) >> 32


def cbor(value: Any) -> bytes:
    """Canonical CBOR; texts, the usual case, without the help of a library."""
    if type(value) is str:
        return cbor_text(value)
    import cbor2  # 10 ms that only a rule over other values has to pay

    return cbor2.dumps(_normalised(value, [MAX_VISITS]), canonical=True)


def cbor_text(text: str) -> bytes:
    """Canonical CBOR of a text: major type 3 with the shortest length header, then UTF-8."""
    data = text.encode()
    size = len(data)
    if size < 24:
        return _SHORT_HEADERS[size] + data
    if size < 0x100:
        return b"\x78" + bytes((size,)) + data
    if size < 0x10000:
        return b"\x79" + pack(">H", size) + data
    return b"\x7a" + pack(">I", size) + data


def _normalised(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise EvaluationBoundError("a bucketing value is too large")
    if type(value) is dict:
        return {key: _normalised(item, left) for key, item in value.items()}
    if type(value) is list:
        return [_normalised(item, left) for item in value]
    if type(value) is float and value.is_integer() and -(2.0**63) <= value < 2.0**64:
        return int(value)
    if type(value) is int and not -(2**63) <= value < 2**64:
        return float(value)  # JavaScript writes 1e20 with all its zeros
    return value


def pick(variants: tuple[Any, ...], weights: tuple[int, ...], bucket: int) -> Any:
    """The variant whose share holds `bucket`, None past the last."""
    for variant, end in zip(variants, accumulate(weights), strict=True):
        if bucket < end:
            return variant
    return None


def shares(entries: list[Any] | tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """Variants and weights of evaluated `[variant]` or `[variant, weight]`; None where one is wrong."""
    variants: list[Any] = []
    weights: list[int] = []
    for entry in entries:
        if type(entry) is not list or not 1 <= len(entry) <= 2:
            return None
        weight = weight_of(entry[1] if len(entry) == 2 else 1)
        if weight is None or type(entry[0]) in (list, dict):
            return None
        variants.append(entry[0])
        weights.append(weight)
    if not 0 < sum(weights) <= MAX_WEIGHT_SUM:
        return None
    return tuple(variants), tuple(weights)


def weight_of(value: Any) -> int | None:
    """A weight: 1 for null, a negative one counts as 0, None for anything that is no whole number."""
    if value is None:
        return 1
    if type(value) is float and value.is_integer():
        value = int(value)
    return max(value, 0) if type(value) is int else None


def fractional_v2(data: Any, flag_key: str, arguments: list[Any]) -> Any:
    """`fractional` over a text; without one, over flag key and targeting key joined."""
    if not arguments:
        return None
    text = arguments[0]
    if type(text) is str:
        entries = arguments[1:]
    else:
        subject = targeting_key(data)
        if subject is None:
            return None
        entries = arguments[1:] if text is None else arguments
        text = flag_key + subject
    chosen = shares(entries)
    return None if chosen is None else pick(*chosen, bucket_v2(text, sum(chosen[1])))


def fractional_v3(data: Any, flag_key: str, arguments: list[Any]) -> Any:
    """`fractional` over any value; without one, over the pair of flag key and targeting key."""
    if not arguments:
        return None
    value, entries = arguments[0], arguments[1:]
    if type(value) is list:
        subject = targeting_key(data)
        value, entries = (None if subject is None else [flag_key, subject]), arguments
    chosen = shares(entries)
    if value is None or chosen is None:
        return None
    return pick(*chosen, bucket_v3(value, sum(chosen[1])))


def targeting_key(data: Any) -> str | None:
    """The subject's id; None where there is none, or one that is no text."""
    key = data.get("targetingKey") if type(data) is dict else None
    return key if type(key) is str and key else None
