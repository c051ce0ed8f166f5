"""Patterns: what `re` matches, matched in linear time, and without the parts that surprise."""

import re
import time
import warnings

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from burgee.surfaces.http.origin_pattern import (
    ATOMS,
    DEPTH,
    PATTERN_CHARACTERS,
    POSITIONS,
    InvalidPatternError,
    OriginPattern,
)

ATOM = st.sampled_from(["a", "b", "-", ":", r"\.", r"\d", r"\w", "[ab]", "[a-c-]", r"[\d.]", "[a^]"])
QUANTIFIER = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "{0,}"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Sequences, alternatives and repeated groups of smaller patterns."""
    group = st.builds("{}{}){}".format, st.sampled_from(["(", "(?:"]), inner, QUANTIFIER)
    return st.builds("{}{}".format, inner, inner) | st.builds("{}|{}".format, inner, inner) | group


PATTERNS = st.recursive(st.builds("{}{}".format, ATOM, QUANTIFIER), grown, max_leaves=6)
TEXTS = st.text(alphabet="abc-:.1^\n", max_size=9)
TRIED = ["", "a", "b", "ab", "ba", "aa", "aab", "a.", ".1"]


@settings(max_examples=2_000)
@given(PATTERNS, st.lists(TEXTS, max_size=8))
def test_a_pattern_matches_what_re_matches_in_full(source: str, texts: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = re.compile(source, re.ASCII)
    try:
        pattern = OriginPattern(source)
    except InvalidPatternError as error:
        assert "list origins instead" in str(error)
        return
    for text in [*TRIED, *texts]:
        assert pattern.matches(text) == bool(judge.fullmatch(text)), (source, text)


@settings(max_examples=1_000)
@given(PATTERNS, st.data())
def test_a_text_made_by_a_pattern_is_matched_and_each_of_its_starts_begins_it(
    source: str, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(re.compile(source, re.ASCII), fullmatch=True))
    assume(text and len(text) < 300)
    try:
        pattern = OriginPattern(source)
    except InvalidPatternError:
        assume(False)
    assert pattern.matches(text)
    assert all(pattern.begins(text[:length]) for length in range(1, len(text) + 1))
    assert not pattern.begins(text + "!")


@pytest.mark.parametrize(
    ("source", "matched", "refused"),
    [
        (
            r"^https://a\.b$",
            ["https://a.b"],
            ["https://a.b\n", "xhttps://a.b", "https://a.bc", "https://aXb"],
        ),
        (r"https://a\$", ["https://a$"], ["https://a"]),
        (r"https://a\\$", ["https://a\\"], ["https://a\\$"]),
        ("a|b$", ["a", "b"], ["ab", "b$"]),
        ("^(a)", ["a"], ["^a"]),
        ("(|a)b", ["b", "ab"], ["a", "aab"]),
        ("[a-]", ["a", "-"], ["b", ""]),
        (r"[\]\-]", ["]", "-"], ["\\"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{0,2}b", ["b", "ab", "aab"], ["aaab"]),
        ("a{2,}", ["aa", "aaaa"], ["a"]),
        ("(a{1,2}-){2}", ["a-aa-"], ["a-", "aaa-a-", "a-a-a-"]),
        (r"\w+", ["a_9"], ["a-", "é", "ſ", "٣"]),
        (r"\d", ["7"], ["٣", "a"]),
    ],
)
def test_the_language_at_its_edges(source: str, matched: list[str], refused: list[str]) -> None:
    pattern = OriginPattern(source)
    assert [text for text in matched if not pattern.matches(text)] == []
    assert [text for text in refused if pattern.matches(text)] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "printable ASCII"),
        ("a b", "printable ASCII"),
        ("a\n", "printable ASCII"),
        ("réal", "printable ASCII"),
        ("a.b", r"write \. for a dot"),
        (".*", r"write \. for a dot"),
        ("[^/]+", "negated class"),
        ("(?i)a", "no flags"),
        ("(?=a)", "no flags"),
        ("(?P<n>a)", "no flags"),
        ("(?<!a)b", "no flags"),
        (r"\bA", r"\b is not understood"),
        (r"a\Z", r"\Z is not understood"),
        (r"(a)\1", r"\1 is not understood"),
        (r"\x41", r"\x is not understood"),
        ("a\\", "is not understood"),
        ("(a", "a ( is not closed"),
        ("a)", "a ) closes nothing"),
        ("[a", "a [ is not closed"),
        ("[]", "a [ is not closed"),
        ("[b-a]", "a range"),
        (r"[a-\d]", "a range"),
        ("*a", "nothing before *"),
        ("(+)", "nothing before +"),
        ("a|?", "nothing before ?"),
        ("{2}", "nothing before {"),
        ("a**", "two quantifiers"),
        ("a+?", "two quantifiers"),
        ("a++", "two quantifiers"),
        ("a{2}{3}", "two quantifiers"),
        ("a{,3}", "starts no count"),
        ("a{x}", "starts no count"),
        ("a{3,2}", "is no count"),
        ("a{0}", "is no count"),
        ("a{1000}", "starts no count"),
        ("a^b", "means nothing"),
        ("a$b", "means nothing"),
        ("(a$)", "means nothing"),
        ("a]", "means nothing"),
        ("a}", "means nothing"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(source: str, words: str) -> None:
    with pytest.raises(InvalidPatternError, match=re.escape(words)):
        OriginPattern(source)


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        ("a" * POSITIONS, True),
        ("a" * (POSITIONS + 1), False),
        (f"a{{{POSITIONS}}}", True),
        (f"a{{{POSITIONS + 1}}}", False),
        ("[" + "a" * (PATTERN_CHARACTERS - 2) + "]", True),
        ("[" + "a" * (PATTERN_CHARACTERS - 1) + "]", False),
        ("(" * DEPTH + "a" + ")" * DEPTH, True),
        ("(" * (DEPTH + 1) + "a" + ")" * (DEPTH + 1), False),
        (f"(){{{ATOMS // 2 - 1}}}", True),
        ("((){999}){999}", False),
        ("(" * 20 + "){999}" * 20, False),
    ],
)
def test_a_pattern_is_bounded(source: str, accepted: bool) -> None:
    started = time.perf_counter()
    if accepted:
        OriginPattern(source)
    else:
        with pytest.raises(InvalidPatternError):
            OriginPattern(source)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("source", "piece"),
    [
        ("(a+)+b", "a"),
        ("(a|a)*b", "a"),
        ("(a|aa)+b", "a"),
        (r"([a-z]+)*\.com", "a"),
        (r"(\w+\.?)*!", "a"),
        (r"https?://([a-zA-Z0-9-]+\.)*realdevsquad\.com", "a."),
        ("(((a*)*)*)*b", "a"),
        ("a?" * 30 + "a{30}b", "a"),
    ],
)
def test_time_is_linear_where_backtracking_is_not(source: str, piece: str) -> None:
    pattern = OriginPattern(source)

    def seconds(pieces: int) -> float:
        text = ("https://" if source.startswith("http") else "") + piece * pieces
        spent = []
        for _ in range(5):
            started = time.process_time()
            assert not pattern.matches(text)
            spent.append(time.process_time() - started)
        return min(spent)

    short, long = seconds(2_000), seconds(16_000)
    # Eight times the text: quadratic time would be 64 times as long, and `re` would not come back at all.
    assert long < 24 * max(short, 0.0005), (short, long)
