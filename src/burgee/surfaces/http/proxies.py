"""Who calls, where load balancers and reverse proxies stand between."""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # the settings are read by functions that have no use for a web framework
    from starlette.types import ASGIApp, Receive, Scope, Send

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDED_FOR = b"x-forwarded-for"


class TrustedProxies:
    """The networks of the proxies whose word is taken for where a request came from.

    Each proxy appends the address that it was called from to `X-Forwarded-For`. So the line is read from
    its end: past the addresses of proxies of ours, the next one is the client, and whatever stands before
    that is what the client says about itself, which nobody believes.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    @classmethod
    def from_text(cls, text: str) -> "TrustedProxies":
        """Read a comma-separated list of addresses and networks such as `10.0.0.0/8`.

        Raises ValueError for what is neither, and for a network of everybody.
        """
        return cls([_network(part.strip()) for part in text.split(",") if part.strip()])

    @property
    def is_on(self) -> bool:
        """Whether anybody is believed."""
        return bool(self._networks)

    def client(self, peer: str, forwarded_for: bytes) -> str:
        """Who called the outermost proxy of ours; `peer` is the address at the other end of the socket."""
        found = _address(peer)
        if found is None or not self._has(found):
            return peer
        for text in reversed(forwarded_for.split(b",")):
            told = _address(text.decode("latin-1"))
            if told is None:
                break
            found = told
            if not self._has(found):
                break
        return str(found)

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


NO_PROXIES = TrustedProxies()


class BehindProxies:
    """ASGI application around `app`, for which a request comes from the client and not from a proxy."""

    def __init__(self, app: "ASGIApp", proxies: TrustedProxies) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and scope.get("client"):
            lines = b",".join([value for name, value in scope["headers"] if name == FORWARDED_FOR])
            peer, port = scope["client"]
            client = self._proxies.client(peer, lines)
            scope = {**scope, "client": (client, port if client == peer else 0)}
        await self._app(scope, receive, send)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address or a network such as 10.0.0.0/8: {error}") from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} is everybody, and then every client could say where it comes from")
    return network


def _address(text: str) -> Address | None:
    """The address in `text`; some proxies write its port behind it. None where there is none."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
