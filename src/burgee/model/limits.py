"""Every limit in one place; they hold at write and at load (HOUSE.md section 6, reliability.md 2.3)."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds, inclusive: a thing of exactly this size is accepted, one more is refused."""

    body_bytes: int = 256 * 1024
    import_bytes: int = 8 * 1024 * 1024
    flag_bytes: int = 64 * 1024
    context_bytes: int = 64 * 1024
    output_bytes: int = 64 * 1024
    header_bytes: int = 16 * 1024
    header_fields: int = 100
    url_bytes: int = 4 * 1024
    json_depth: int = 32
    key_characters: int = 128
    variants: int = 100
    flags_per_set: int = 10_000
    rule_nodes: int = 2_000
    expansion_nodes: int = 10_000
    evaluation_steps: int = 10_000
    streams: int = 10_000
    streams_per_address: int = 1_000
    connections: int = 12_000
    page_items: int = 1_000
    faults: int = 1_000


DEFAULT_LIMITS = Limits()
"""The limits that hold unless settings name others."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Integers beyond this lose digits in JavaScript and Go clients (RFC 8259 section 6)."""

MAX_WEIGHT_SUM = 2**31 - 1
"""Largest sum of weights of one fractional rule (flagd: MaxInt32)."""

MAX_TOKEN_FLAG_SETS = 100
"""How many flag sets a token may name: it travels with every request."""
