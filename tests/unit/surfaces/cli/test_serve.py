"""`burgee serve`: options become settings."""

from typing import Any

import pytest


def test_only_what_was_given_becomes_a_setting(burgee: Any) -> None:
    assert burgee("serve").code == 0
    assert burgee.served == [{}]


def test_every_option_is_a_setting(burgee: Any) -> None:
    options = "--host 127.0.0.2 --port 1 --ops-port 0 --workers 2 --data d --fractional v3"
    burgee("serve", *options.split())
    assert burgee.served == [
        {
            "BURGEE_HOST": "127.0.0.2",
            "BURGEE_PORT": "1",
            "BURGEE_OPS_PORT": "0",
            "BURGEE_WORKERS": "2",
            "BURGEE_DATA": "d",
            "BURGEE_FRACTIONAL": "v3",
        }
    ]


@pytest.mark.parametrize(("workers", "code"), [("0", 2), ("1", 0), ("64", 0), ("65", 2)])
def test_the_number_of_workers_is_bounded(burgee: Any, workers: str, code: int) -> None:
    assert burgee("serve", "--workers", workers).code == code
