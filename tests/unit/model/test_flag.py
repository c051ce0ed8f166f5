"""Flag keys and the wire form of a flag."""

import msgspec
import pytest

from burgee.model.flag import KEY_PATTERN, Flag, FlagStatus


@pytest.mark.parametrize("key", ["a", "A.b_c-9", "x" * 127, "x" * 128])
def test_a_key_of_the_allowed_letters_up_to_the_limit_is_a_key(key: str) -> None:
    assert KEY_PATTERN.fullmatch(key)


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "a/b", "ä", "a\n", "a\x00", "１"])
def test_anything_else_is_not(key: str) -> None:
    assert KEY_PATTERN.fullmatch(key) is None


def test_a_flag_is_written_in_camel_case_and_read_back_the_same() -> None:
    flag = Flag(id="i", key="k", variants={"ten": 10, "same": 10.0}, default_variant="ten", updated_by="ada")
    wire = msgspec.json.encode(flag)
    assert b'"defaultVariant":"ten"' in wire
    assert b'"updatedBy":"ada"' in wire
    assert b'{"ten":10,"same":10.0}' in wire
    assert msgspec.json.decode(wire, type=Flag) == flag


def test_a_flag_cannot_be_changed_in_place() -> None:
    flag = Flag(id="i", key="k", variants={"on": True})
    with pytest.raises(AttributeError):
        flag.status = FlagStatus.DISABLED  # type: ignore[misc]
