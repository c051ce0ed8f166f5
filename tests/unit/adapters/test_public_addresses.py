"""SSRF: the corpus of reliability.md 3.3b, and whatever else is not the public internet."""

import socket
from typing import Any

import pytest

from burgee.adapters.public_addresses import (
    AddressRefusedError,
    is_public,
    numeric_addresses,
    resolve_public,
)
from burgee.errors import UnavailableError

BAD_ADDRESSES = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",  # mapped is refused whatever it maps to
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "nonsense",
    "",
]

GOOD_ADDRESSES = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]

WAYS_TO_SAY_LOOPBACK = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "localhost",
]


@pytest.mark.parametrize("ip", BAD_ADDRESSES)
def test_an_address_that_is_not_public_is_known(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", GOOD_ADDRESSES)
def test_a_public_address_is_let_through_up_to_the_very_border(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize("host", WAYS_TO_SAY_LOOPBACK)
def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(UnavailableError):
        resolve_public(host, 80)


@pytest.mark.parametrize("host", ["", "a..b", "x" * 300, "a\x00b", "no-such-name.invalid", "\ud800"])
def test_what_is_no_name_is_only_a_passing_failure(host: str) -> None:
    with pytest.raises(UnavailableError):
        resolve_public(host, 80)


def answering(*ips: str) -> Any:
    """A resolver that gives these answers."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in ips
        ]

    return resolve


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("place", [0, 1])
def test_one_bad_answer_among_good_ones_refuses_the_name(bad: str, place: int) -> None:
    answers = ["1.1.1.1", "2606:4700:4700::1111"]
    answers.insert(place, bad)
    with pytest.raises(AddressRefusedError, match="not public"):
        resolve_public("two.example", 443, resolve=answering(*answers))


def test_all_good_answers_come_back_once_each_in_their_order() -> None:
    found = resolve_public("a.example", 443, resolve=answering("1.1.1.1", "2606:4700::1", "1.1.1.1"))
    assert [address.ip for address in found] == ["1.1.1.1", "2606:4700::1"]


def test_no_answer_is_a_failure() -> None:
    with pytest.raises(UnavailableError, match="no address"):
        resolve_public("a.example", 443, resolve=answering())


def test_private_addresses_are_let_through_where_that_is_wanted() -> None:
    assert [address.ip for address in resolve_public("127.1", 80, allow_private=True)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "found"), [("127.1", ("127.0.0.1",)), ("0x7f000001", ("127.0.0.1",)), ("a.example", ())]
)
def test_numbers_are_read_without_asking_anybody(host: str, found: tuple[str, ...]) -> None:
    assert numeric_addresses(host, 80) == found
