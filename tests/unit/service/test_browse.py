"""Browsing: pages that neither repeat nor skip, and a default flag set that is always there."""

import pytest

from burgee.errors import InvalidInputError, NotFoundError
from burgee.service.browse import Browser
from burgee.testing.workshop import ADA, Workshop


@pytest.fixture
def browser(workshop: Workshop) -> Browser:
    for key in "edcba":
        workshop.put(key)
    workshop.put("a", flag_set="shop")
    return Browser(workshop.store)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
def test_pages_show_every_flag_once_in_order(browser: Browser, limit: int) -> None:
    seen: list[tuple[str, str]] = []
    cursor: str | None = None
    for _ in range(10):
        page = browser.flags(limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        seen += [(flag.flag_set, flag.key) for flag in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [*(("default", key) for key in "abcde"), ("shop", "a")]


@pytest.mark.parametrize("cursor", ["x", "!", "bnVsbA", "WzFd", "é", "A" * 1000, ""])
def test_a_cursor_that_was_not_given_out_is_refused(browser: Browser, cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="cursor"):
        browser.flags(cursor=cursor)
    with pytest.raises(InvalidInputError, match="cursor"):
        browser.history("default", "a", cursor=cursor)


def test_history_comes_newest_first_page_by_page(workshop: Workshop, browser: Browser) -> None:
    for default in ("off", "on", "off"):
        workshop.put("a", default_variant=default)
    first = browser.history("default", "a", limit=3)
    second = browser.history("default", "a", limit=3, cursor=first.next_cursor)
    assert [step.version for step in (*first.items, *second.items)] == [4, 3, 2, 1]
    assert second.next_cursor is None


def test_a_flag_is_read_as_of_a_revision(workshop: Workshop, browser: Browser) -> None:
    workshop.put("e", default_variant="off")
    old = browser.flag_at("default", "e", revision=5).flag
    assert old is not None
    assert old.default_variant == "on"
    assert browser.flag_at("default", "e", revision=6).version == 2
    with pytest.raises(NotFoundError):
        browser.flag_at("default", "e", revision=0)
    for revision in (7, 99):
        with pytest.raises(NotFoundError, match="revision 6"):
            browser.flag_at("default", "e", revision=revision)
    with pytest.raises(NotFoundError):
        browser.flag_at("nowhere", "e", revision=1)


def test_a_deleted_flag_keeps_its_history(workshop: Workshop, browser: Browser) -> None:
    workshop.publisher.delete_flag("default", "a", author=ADA)
    with pytest.raises(NotFoundError):
        browser.flag("default", "a")
    assert [step.flag is None for step in browser.history("default", "a").items] == [True, False]


def test_the_default_set_exists_before_anything_is_published(workshop: Workshop) -> None:
    browser = Browser(workshop.store)
    assert [flag_set.key for flag_set in browser.flag_sets()] == ["default"]
    assert browser.flag_set("default").revision == 0
    assert browser.snapshot("default").flags == ()
    for read in (browser.flag_set, browser.snapshot):
        with pytest.raises(NotFoundError):
            read("other")
    with pytest.raises(NotFoundError):
        browser.history("default", "never")


def test_sets_are_listed_by_key_and_read_whole(browser: Browser) -> None:
    assert [flag_set.key for flag_set in browser.flag_sets()] == ["default", "shop"]
    assert [flag.key for flag in browser.snapshot("default").flags] == list("abcde")
    assert browser.flag("shop", "a").flag_set == "shop"


def test_a_flag_is_read_by_its_id(workshop: Workshop, browser: Browser) -> None:
    flag = workshop.put("banner").flag
    assert flag is not None
    assert browser.flag_by_id("default", flag.id) == flag
    for flag_set, flag_id in (("shop", flag.id), ("default", "another")):
        with pytest.raises(NotFoundError):
            browser.flag_by_id(flag_set, flag_id)
