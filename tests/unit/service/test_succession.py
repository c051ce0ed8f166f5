"""The flags of a set after a change, by both ways of getting there."""

from hypothesis import given
from hypothesis import strategies as st

from burgee.model.flag import Flag
from burgee.service.succession import succeed

keys = st.integers(0, 80).map(lambda number: f"f{number:02}")


def flag(key: str, version: int = 1) -> Flag:
    return Flag(id="", key=key, variants={}, version=version)


@given(st.sets(keys), st.dictionaries(keys, st.booleans(), max_size=70))
def test_each_change_is_in_its_place_and_the_rest_is_untouched(
    present: set[str], changes: dict[str, bool]
) -> None:
    before = tuple(flag(key) for key in sorted(present))
    changed = {key: flag(key, 2) if kept else None for key, kept in changes.items()}
    after = succeed(before, changed)
    expected = {each.key: each for each in before} | changed
    assert after == tuple(value for _, value in sorted(expected.items()) if value is not None)
    assert all(any(each is old for old in before) for each in after if each.key not in changes)
