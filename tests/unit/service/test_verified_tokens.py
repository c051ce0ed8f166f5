"""The memory of tokens: bounded, by hash, and only within one generation."""

from burgee.service.verified_tokens import VerifiedTokens, hash_of


def test_what_was_put_is_there_in_the_same_generation_only() -> None:
    known = VerifiedTokens[str](2)
    assert known.get("t", generation=1) is None
    known.put("t", "ada", generation=1)
    assert known.get("t", generation=1) == "ada"
    assert known.get("t", generation=2) is None
    assert known.get("t", generation=1) is None


def test_what_was_verified_before_the_turn_is_not_kept() -> None:
    known = VerifiedTokens[str](2)
    known.get("t", generation=2)
    known.put("t", "ada", generation=1)
    assert known.get("t", generation=2) is None


def test_the_least_recently_used_goes_first() -> None:
    known = VerifiedTokens[str](2)
    for token in "ab":
        known.put(token, token, generation=0)
    known.get("a", generation=0)
    known.put("c", "c", generation=0)
    assert [known.get(token, generation=0) for token in "abc"] == ["a", None, "c"]


def test_one_can_be_dropped_even_twice() -> None:
    known = VerifiedTokens[str](2)
    known.put("t", "ada", generation=0)
    known.drop("t")
    known.drop("t")
    assert known.get("t", generation=0) is None


def test_a_hash_is_made_of_any_text() -> None:
    assert len({hash_of(text) for text in ("", "a", "\ud800", "é")}) == 4
    assert hash_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
