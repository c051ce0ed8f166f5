"""Where a command looks for flags."""

from typing import Any

import httpx
import pytest


def target(burgee: Any, *options: str) -> Any:
    burgee.answers(httpx.Response(200, json={"items": [], "nextCursor": None}))
    ran = burgee("flags", "list", *options)
    assert ran.code == 0, ran.err
    return burgee.targets[-1]


def test_the_default_is_a_folder_here(burgee: Any) -> None:
    where = target(burgee)
    assert (where.data, where.url, where.token) == ("./burgee-data", "", "")


def test_options_name_the_place(burgee: Any) -> None:
    where = target(burgee, "--url", "http://h:1/", "--token", "t")
    assert (where.url, where.token) == ("http://h:1", "t")
    assert target(burgee, "--data", "d").data == "d"


def test_the_environment_names_the_place(burgee: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_DATA", "e")
    assert target(burgee).data == "e"
    monkeypatch.setenv("BURGEE_URL", "http://h")
    monkeypatch.setenv("BURGEE_TOKEN", "t")
    assert (target(burgee).url, target(burgee).token) == ("http://h", "t")


def test_a_folder_on_the_command_line_wins_over_an_address_in_the_environment(
    burgee: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURGEE_URL", "http://h")
    where = target(burgee, "--data", "d")
    assert (where.data, where.url) == ("d", "")


def test_a_folder_and_an_address_at_once_are_wrong_usage(burgee: Any) -> None:
    assert burgee("flags", "list", "--data", "d", "--url", "http://h").code == 2
    assert burgee.targets == []
