"""Patterns: what `re` matches, matched in linear time, and without the parts that surprise."""

import re
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burgee.surfaces.http.origin_pattern import (
    ATOMS,
    DEPTH,
    PATTERN_CHARACTERS,
    POSITIONS,
    InvalidPatternError,
    OriginPattern,
)

ATOM = st.sampled_from(["a", "b", "-", ":", "/", r"\.", r"\-", r"\d", r"\w", "[ab]", "[a-c-]", r"[\d.]", "[^a]"[2:]])
QUANTIFIER = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "{0,}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("{}{}){}".format, st.sampled_from(["(", "(?:"]), inner, QUANTIFIER)
    return st.builds("{}{}".format, inner, inner) | st.builds("{}|{}".format, inner, inner) | group


ATOMS_WITH_COUNTS = st.sampled_from(["a", "b", "-", ":", r"\.", r"\d", r"\w", "[ab]", "[a-c-]", r"[\d.]", "[a^]"])
PATTERNS = st.recursive(st.builds("{}{}".format, ATOMS_WITH_COUNTS, QUANTIFIER), _grown, max_leaves=6)
TEXTS = st.text(alphabet="abc-:.1^\n", max_size=9)


@settings(max_examples=2_000)
@given(PATTERNS, st.lists(TEXTS, max_size=8))
def test_a_pattern_matches_what_re_matches_in_full(source: str, texts: list[str]) -> None:
    try:
        pattern = OriginPattern(source)
    except InvalidPatternError as error:
        assert "places" in str(error) or "too long" in str(error)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = re.compile(source, re.ASCII)
    for text in ["", "a", "b", "ab", "aa", "aab", *texts]:
        assert pattern.matches(text) == bool(judge.fullmatch(text)), (source, text)


@settings(max_examples=500)
@given(PATTERNS, st.randoms(use_true_random=False))
def test_a_text_made_from_a_pattern_matches_it(source: str, dice: "st.randoms") -> None:  # type: ignore[valid-type]
    try:
        pattern = OriginPattern(source)
    except InvalidPatternError:
        return
    text = walk(pattern, dice)
    if text is not None:
        assert pattern.matches(text)
        assert re.fullmatch(source, text, re.ASCII)
        assert not text or all(pattern.begins(text[:length]) for length in range(1, len(text) + 1))
