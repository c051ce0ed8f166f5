from collections.abc import Callable

import msgspec
import pytest

from burgee.testing.builders import (
    a_change_set,
    a_flag,
    a_flag_set,
    a_tombstone,
    an_audit_draft,
    an_idempotency_record,
)


@pytest.mark.parametrize(
    "build",
    [a_flag, a_flag_set, a_tombstone, an_audit_draft, an_idempotency_record],
    ids=lambda each: each.__name__,
)
def test_every_field_is_away_from_its_default(build: Callable[[], msgspec.Struct]) -> None:
    built = build()
    for field in msgspec.structs.fields(built):
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        assert getattr(built, field.name) != default, field.name


def test_fields_can_be_replaced() -> None:
    assert a_flag(name="other") == msgspec.structs.replace(a_flag(), name="other")
    assert a_flag(key="one").id != a_flag(key="two").id


def test_a_change_set_expects_what_is_just_below_and_tells_of_every_write() -> None:
    change = a_change_set([a_flag(version=1)], [a_tombstone(key="old")], flag_set=a_flag_set(revision=4))
    assert change.expected_revision == 3
    assert [write.expected_version for write in change.writes] == [0, 3]
    assert [(draft.action, draft.flag_key) for draft in change.audit] == [
        ("flag.created", "banner-colour"),
        ("flag.deleted", "old"),
    ]
    assert [draft.action for draft in a_change_set().audit] == ["flag_set.updated"]
