import msgspec
import pytest

from burgee.model.change import FlagWrite, check_change_set, history_steps, written
from burgee.testing.builders import THE_DAY, a_change_set, a_flag, a_flag_set, a_tombstone, an_audit_draft


def test_a_change_as_a_publisher_makes_it_is_accepted() -> None:
    check_change_set(a_change_set([a_flag(version=1)], [a_tombstone(key="old")]))


@pytest.mark.parametrize(
    ("revision", "expected", "good"),
    [(1, 0, True), (1, 1, False), (2, 0, False), (7, 6, True), (0, 0, False)],
)
def test_a_revision_is_the_one_after_the_expected(revision: int, expected: int, good: bool) -> None:
    change = msgspec.structs.replace(
        a_change_set([a_flag()], flag_set=a_flag_set(revision=revision)), expected_revision=expected
    )
    if good:
        check_change_set(change)
    else:
        with pytest.raises(ValueError, match="does not follow"):
            check_change_set(change)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (FlagWrite(expected_version=1, flag=a_flag(version=1)), "does not follow"),
        (FlagWrite(expected_version=0), "a flag or a tombstone"),
        (FlagWrite(expected_version=2, flag=a_flag(), tombstone=a_tombstone()), "a flag or a tombstone"),
        (FlagWrite(expected_version=2, flag=a_flag(flag_set="other")), "is of flag set other"),
        (FlagWrite(expected_version=3, tombstone=a_tombstone(flag_set="other")), "is of flag set other"),
    ],
)
def test_a_write_that_no_publisher_may_make_is_refused(write: FlagWrite, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_change_set(msgspec.structs.replace(a_change_set([a_flag()]), writes=(write,)))


def test_a_change_without_an_audit_event_is_refused() -> None:
    with pytest.raises(ValueError, match="audit event"):
        check_change_set(msgspec.structs.replace(a_change_set([a_flag()]), audit=()))


def test_what_is_written_is_the_flag_or_the_tombstone() -> None:
    assert written(FlagWrite(expected_version=2, flag=a_flag())) == a_flag()
    assert written(FlagWrite(expected_version=3, tombstone=a_tombstone())) == a_tombstone()


def test_a_step_of_history_takes_who_when_and_what_from_the_events_of_its_flag() -> None:
    change = msgspec.structs.replace(
        a_change_set([a_flag(), a_flag(key="b")], [a_tombstone(key="c")], flag_set=a_flag_set(revision=9)),
        audit=(
            an_audit_draft(flag_key="b", actor="ada", action="flag.restored", at=THE_DAY + 9),
            an_audit_draft(flag_key="banner-colour", actor="grace", action="flag.updated"),
            an_audit_draft(flag_key="banner-colour", actor="nobody", action="never.told"),
        ),
    )
    first, second, third = history_steps(change)
    assert (first.key, first.actor, first.action, first.flag) == (
        "banner-colour",
        "grace",
        "flag.updated",
        a_flag(),
    )
    assert (second.key, second.actor, second.action, second.at) == ("b", "ada", "flag.restored", THE_DAY + 9)
    assert (third.key, third.actor, third.flag, third.version) == ("c", "ada", None, 4)
    assert {step.revision for step in (first, second, third)} == {9}
