"""Flag names: found to the letter, as they are stored now, whoever published them."""

import pytest

from burgee.errors import NotFoundError
from burgee.service.flag_names import FlagNames
from burgee.service.flag_publishing import TOMBSTONE_SECONDS
from burgee.testing.workshop import ADA, Workshop


def names_of(workshop: Workshop) -> FlagNames:
    return FlagNames(workshop.store, workshop.live, look=workshop.refresher.poll)


def test_a_flag_is_found_by_its_name_and_by_its_key_where_it_has_none(workshop: Workshop) -> None:
    workshop.put("banner", name="Spring banner")
    workshop.put("footer")
    names = names_of(workshop)
    assert names.flag("default", "Spring banner").key == "banner"
    assert names.flag("default", "footer").key == "footer"


@pytest.mark.parametrize(
    "name",
    ["banner", "spring banner", "Spring banner ", "Spring  banner", "Spring", "", "Spring\u00a0banner"],
)
def test_a_name_is_matched_to_the_letter(workshop: Workshop, name: str) -> None:
    workshop.put("banner", name="Spring banner")
    with pytest.raises(NotFoundError):
        names_of(workshop).flag("default", name)


def test_a_flag_of_another_set_is_another_flag(workshop: Workshop) -> None:
    workshop.put("banner", name="x", flag_set="shop")
    names = names_of(workshop)
    assert names.flag("shop", "x").flag_set == "shop"
    for flag_set in ("default", "unknown"):
        with pytest.raises(NotFoundError):
            names.flag(flag_set, "x")


def test_of_two_flags_with_one_name_the_older_has_it(workshop: Workshop) -> None:
    workshop.put("zebra", name="x")
    workshop.clock.now += 1
    workshop.put("ant", name="x")
    names = names_of(workshop)
    assert names.flag("default", "x").key == "zebra"
    workshop.publisher.delete_flag("default", "zebra", author=ADA)
    assert names.flag("default", "x").key == "ant"


def test_a_flag_that_is_renamed_or_deleted_is_found_no_more(workshop: Workshop) -> None:
    workshop.put("banner", name="x")
    names = names_of(workshop)
    assert names.flag("default", "x").version == 1
    workshop.put("banner", name="y")
    with pytest.raises(NotFoundError):
        names.flag("default", "x")
    assert names.flag("default", "y").version == 2
    workshop.publisher.delete_flag("default", "banner", author=ADA)
    with pytest.raises(NotFoundError):
        names.flag("default", "y")


def test_what_another_process_did_is_seen_at_the_next_question(workshop: Workshop) -> None:
    here = names_of(workshop)
    there = Workshop(workshop.store, clock=workshop.clock)
    there.put("banner", name="x")
    assert here.flag("default", "x").key == "banner"
    there.put("banner", name="y")
    with pytest.raises(NotFoundError):
        here.flag("default", "x")
    assert here.flag("default", "y").key == "banner"
    there.publisher.delete_flag("default", "banner", author=ADA)
    workshop.clock.now += TOMBSTONE_SECONDS
    there.put("other", name="y")
    assert here.flag("default", "y").key == "other"
