"""Outbound requests: to the address that was checked, never into a private network, never without end."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore
import pytest

from burgee.adapters.outbound import (
    OutboundRefusedError,
    check_web_address,
    fetch,
    is_forbidden,
    resolved,
    system_resolve,
)
from burgee.errors import ConfigurationError, UnavailableError

PUBLIC = "93.184.216.34"

# reliability.md 3.3b, as addresses.
FORBIDDEN = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192"),
    *("192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fd00:ec2::254", "fc00::1", "fe80::1"),
    *("fec0::1", "ff02::1", "100::1", "fe80::1%1"),
)
ALLOWED = (
    *(PUBLIC, "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("169.253.255.255", "172.15.255.255", "172.32.0.0", "192.169.0.0", "198.17.255.255", "198.20.0.0"),
    *("223.255.255.255", "2606:2800:220:1::1", "2a00:1450::1", "::ffff:93.184.216.34"),
)


@pytest.mark.parametrize("text", FORBIDDEN)
def test_an_address_that_is_not_of_the_internet_is_forbidden(text: str) -> None:
    assert is_forbidden(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ALLOWED)
def test_an_address_of_the_internet_is_not(text: str) -> None:
    assert not is_forbidden(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://issuer.example/keys", True),
        ("https://issuer.example:8443/keys?x=1", True),
        ("http://127.0.0.1:9/keys", True),
        ("http://localhost:9/keys", True),
        ("http://[::1]:9/keys", True),
        ("https://localhost/keys", True),
        ("http://issuer.example/keys", False),
        ("http://127.0.0.1.evil.example/keys", False),
        ("http://localhost.evil.example/keys", False),
        ("http://127.1/keys", False),
        ("http://2130706433/keys", False),
        ("https://user@issuer.example/keys", False),
        ("https://127.0.0.1:9@issuer.example/keys", False),
        ("https://issuer.example/keys#x", False),
        ("https://issuer.example:0/", False),
        ("https://issuer.example:99999/", False),
        ("https:///keys", False),
        ("ftp://issuer.example/keys", False),
        ("file:///etc/hosts", False),
        ("", False),
    ],
)
def test_only_https_or_this_machine_itself_is_an_address_for_keys(url: str, good: bool) -> None:
    if good:
        assert check_web_address(url) == url
    else:
        with pytest.raises(ConfigurationError):
            check_web_address(url)


@pytest.mark.parametrize("text", [*FORBIDDEN])
def test_a_name_that_leads_inside_is_refused(text: str) -> None:
    with pytest.raises(OutboundRefusedError):
        resolved("issuer.example", 443, lambda host, port: [text])


def test_one_forbidden_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(OutboundRefusedError):
        resolved("issuer.example", 443, lambda host, port: [PUBLIC, "10.0.0.1"])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "１２７.0.0.1"])
def test_odd_spellings_of_this_machine_are_refused_once_resolved(host: str) -> None:
    with pytest.raises(UnavailableError):
        resolved(host, 443, system_resolve)


def test_this_machine_by_name_must_be_this_machine() -> None:
    assert resolved("localhost", 80, lambda host, port: ["127.0.0.1"]) == "127.0.0.1"
    with pytest.raises(OutboundRefusedError):
        resolved("localhost", 80, lambda host, port: [PUBLIC])


def fails(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror("no such name")


@pytest.mark.parametrize("resolve", [fails, lambda host, port: [], lambda host, port: ["nonsense"]])
def test_a_name_without_an_address_is_a_passing_failure(
    resolve: Callable[[str, int], Sequence[str]],
) -> None:
    with pytest.raises(UnavailableError):
        resolved("issuer.example", 443, resolve)


class Wire(httpcore.NetworkBackend):
    """Notes where a connection goes, and makes none."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        raise httpcore.ConnectError("that is all")


def test_the_connection_goes_to_the_address_that_was_checked_and_to_no_second_answer() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    wire = Wire()
    with pytest.raises(UnavailableError):
        fetch(
            "https://issuer.example/keys",
            max_bytes=10,
            seconds=2,
            resolve=lambda host, port: next(answers),
            backend=wire,
        )
    assert wire.connected == [(PUBLIC, 443)]
    assert next(answers) == ["127.0.0.1"]


@contextmanager
def answering(*parts: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A server on this machine that answers each connection with `parts`; what it was asked, too."""
    asked: list[bytes] = []
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                for part in parts:
                    try:
                        connection.sendall(part)
                    except OSError:
                        break
                    stop.wait(pause)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/keys", asked
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def test_a_document_is_fetched_with_nothing_of_ours_in_the_request() -> None:
    with answering(ok(b"{}")) as (url, asked):
        assert fetch(url, max_bytes=2, seconds=2) == b"{}"
    assert asked[0].startswith(b"GET /keys HTTP/1.1\r\n")
    assert b"cookie" not in asked[0].lower()
    assert b"authorization" not in asked[0].lower()


def test_item_14_a_document_may_be_exactly_as_long_as_the_limit() -> None:
    with answering(ok(b"x" * 100)) as (url, _):
        assert len(fetch(url, max_bytes=100, seconds=2)) == 100
        with pytest.raises(UnavailableError, match="99 bytes"):
            fetch(url, max_bytes=99, seconds=2)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_item_14_any_other_answer_is_a_passing_failure(answer: bytes) -> None:
    with answering(answer) as (url, asked), pytest.raises(UnavailableError):
        fetch(url, max_bytes=100, seconds=2)
    assert len(asked) == 1


def test_item_14_a_server_that_trickles_is_left_when_the_time_is_up() -> None:
    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", *[b"x"] * 100]
    with answering(*parts, pause=0.05) as (url, _), pytest.raises(UnavailableError):
        fetch(url, max_bytes=10_000, seconds=0.4)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(ok(b"{}")) as (url, _):
        assert fetch(url, max_bytes=2, seconds=2) == b"{}"
