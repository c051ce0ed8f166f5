"""Which addresses a server-made request may go to: public ones, checked as resolved, and all of them.

The name is resolved once and the connection goes to what was checked: a name that answers differently the
next moment (rebinding) gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from burgee.errors import UnavailableError

Resolve: TypeAlias = Callable[..., list[tuple[Any, ...]]]
"""`socket.getaddrinfo`."""

_NOT_PUBLIC_V4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
]
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is assigned for the public; mapped, translated, local and multicast addresses lie outside."""

_NOT_PUBLIC_V6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
]
"""Special purposes within it; 6to4 and Teredo carry IPv4 addresses inside."""


class Address(NamedTuple):
    """Where to connect: a socket family and an IP address as text."""

    family: int
    ip: str


class AddressRefusedError(UnavailableError):
    """A name that leads to an address where no request of ours may go."""


def is_public(ip: str) -> bool:
    """Whether `ip` is an address on the public internet; what cannot be read is not."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def resolve_public(
    host: str, port: int, *, allow_private: bool = False, resolve: Resolve = socket.getaddrinfo
) -> tuple[Address, ...]:
    """The addresses of `host`, every one of them public unless `allow_private`.

    However an address is written (127.1, 0x7f000001, full-width digits), it is judged by what it resolves
    to; one bad answer among good ones refuses the name.

    Raises AddressRefusedError, UnavailableError where the name does not resolve.
    """
    try:
        answers = resolve(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError, ValueError) as error:
        raise UnavailableError(f"{host!r:.100} cannot be resolved") from error
    found = tuple(dict.fromkeys(Address(int(answer[0]), str(answer[4][0])) for answer in answers))
    if not found:
        raise UnavailableError(f"{host!r:.100} has no address")
    if not allow_private and not all(is_public(address.ip) for address in found):
        raise AddressRefusedError(f"{host!r:.100} leads to an address that is not public")
    return found


def numeric_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses that `host` itself is, in any way of writing them; none for a name."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError, ValueError):
        return ()
    return tuple(str(answer[4][0]) for answer in answers)
