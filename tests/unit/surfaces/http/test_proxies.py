"""Whose word is taken for where a request comes from (checklist item 47)."""

import asyncio
import ipaddress
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.services import Services
from burgee.surfaces.http.proxies import NO_PROXIES, BehindProxies, TrustedProxies
from burgee.testing.listening import listening

INSIDE = TrustedProxies.from_text("10.0.0.0/8, fd00::/8, 192.0.2.7")
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
STREAM = b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\nx-forwarded-for: %b\r\n\r\n"


@pytest.mark.parametrize(
    ("peer", "line", "client"),
    [
        ("198.51.100.1", b"", "198.51.100.1"),
        ("198.51.100.1", b"203.0.113.9", "198.51.100.1"),  # no proxy of ours
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"203.0.113.9", "203.0.113.9"),
        ("192.0.2.7", b"203.0.113.9", "203.0.113.9"),
        ("192.0.2.8", b"203.0.113.9", "192.0.2.8"),
        ("10.0.0.1", b"1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the client claims 1.1.1.1
        ("10.0.0.1", b"1.1.1.1,203.0.113.9 , 10.2.0.1", "203.0.113.9"),
        ("10.0.0.1", b"10.2.0.1, 10.3.0.1", "10.2.0.1"),  # somebody inside
        ("10.0.0.1", b"203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", b"[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", b'"[2001:db8::1]"', "2001:db8::1"),
        ("10.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", b"::ffff:203.0.113.9", "203.0.113.9"),
        ("fd00::1%eth0", b"203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", b"203.0.113.9, unknown", "10.0.0.1"),  # what stands before it could be made up
        ("10.0.0.1", b"203.0.113.9, _secret, 10.2.0.1", "10.2.0.1"),
        ("10.0.0.1", b"203.0.113.9,", "10.0.0.1"),
        ("10.0.0.1", b"\xff\xfe, \x00", "10.0.0.1"),
        ("", b"203.0.113.9", ""),
        ("/run/burgee.sock", b"203.0.113.9", "/run/burgee.sock"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(peer: str, line: bytes, client: str) -> None:
    assert INSIDE.client(peer, line) == client


@given(peer=ADDRESSES, line=st.binary(max_size=60))
def test_without_proxies_nobody_is_believed(peer: str, line: bytes) -> None:
    assert not NO_PROXIES.is_on
    assert NO_PROXIES.client(peer, line) == peer


@given(claims=st.lists(st.one_of(ADDRESSES, st.text(max_size=20)), max_size=5), client=ADDRESSES)
def test_no_claim_of_a_client_moves_what_a_proxy_saw(claims: list[str], client: str) -> None:
    line = ", ".join([*claims, client]).encode()
    found = INSIDE.client("10.0.0.1", line)
    seen = ipaddress.ip_address(client)
    is_ours = any(seen in ipaddress.ip_network(each) for each in ("10.0.0.0/8", "fd00::/8", "192.0.2.7"))
    mapped = getattr(seen, "ipv4_mapped", None)
    if not is_ours and mapped is None:
        assert found == str(seen)


@given(peer=st.text(max_size=20), line=st.binary(max_size=80))
def test_no_bytes_make_it_fail(peer: str, line: bytes) -> None:
    INSIDE.client(peer, line)


@pytest.mark.parametrize("text", ["*", "balancer", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "10.0.0.1,::/0"])
def test_a_list_that_would_trust_all_or_nobody_knows_whom_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is "):
        TrustedProxies.from_text(text)


def scope_behind(peer: tuple[str, int] | None, *lines: bytes) -> Scope:
    """What an application behind the proxies sees."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "http", "client": peer, "headers": [(b"x-forwarded-for", line) for line in lines]}
    asyncio.run(BehindProxies(app, INSIDE)(scope, receive, send))
    return seen[0]


def test_an_application_sees_the_client_and_several_lines_are_one() -> None:
    assert scope_behind(("10.0.0.1", 9), b"1.1.1.1", b"203.0.113.9", b"10.2.0.1")["client"] == (
        "203.0.113.9",
        0,
    )
    assert scope_behind(("198.51.100.1", 9), b"1.1.1.1")["client"] == ("198.51.100.1", 9)
    assert scope_behind(None, b"1.1.1.1")["client"] is None


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
def test_streams_are_capped_by_client_behind_a_proxy_of_ours(
    services: Services, inline: bool, trusted: bool
) -> None:
    proxies = TrustedProxies.from_text("127.0.0.1") if trusted else NO_PROXIES
    limits = msgspec.structs.replace(DEFAULT_LIMITS, streams=10, streams_per_address=1)
    with listening(services, limits=limits, inline=inline, proxies=proxies) as server:
        with server.connect() as first, server.connect() as again, server.connect() as other:
            statuses = []
            for connection, line in (
                (first, b"203.0.113.1"),
                (again, b"198.51.100.1, 203.0.113.1"),
                (other, b"203.0.113.2"),
            ):
                connection.sendall(STREAM % line)
                statuses.append(connection.recv(4096)[9:12])
        assert statuses == [b"200", b"503", b"200" if trusted else b"503"]
        give_up = time.monotonic() + 5
        while server.hub._addresses and time.monotonic() < give_up:
            time.sleep(0.01)
        assert server.hub._addresses == {}
