"""Requests that leave this server to an address that somebody configured: never into a private network.

The name is resolved once, every address that it has is checked against our own list (that of Python knows
too few, reliability.md finding 13), and the connection goes to the very address that was checked.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpcore
import httpx

from burgee.errors import ConfigurationError, UnavailableError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host name, as texts; raises OSError."""

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
"""Private, link-local, loopback, multicast and reserved networks, and those that wrap an IPv4 address."""


class OutboundRefusedError(UnavailableError):
    """An address that no request of ours may go to."""


def is_forbidden(address: Address) -> bool:
    """Whether `address` is not one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return True
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in _NEVER)


def check_web_address(url: str) -> str:
    """`url`, where it is https, or http to this machine itself; without user, password and fragment.

    Raises ConfigurationError.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.fragment:
        raise ConfigurationError(f"{url!r} is not an address such as https://issuer.example/keys")
    if parts.scheme == "http" and not _names_loopback(host):
        raise ConfigurationError(f"{url!r} must be https; http is only for this machine itself")
    if port == 0:
        raise ConfigurationError(f"{url!r} has no port that can be reached")
    return url


def resolved(host: str, port: int, resolve: Resolve) -> str:
    """The address to connect to for `host`.

    Raises OutboundRefusedError where any of its addresses is forbidden, unless `host` is this machine by
    name, UnavailableError where it has none.
    """
    try:
        texts = resolve(host, port)
        addresses = [ipaddress.ip_address(text) for text in texts]
    except (OSError, ValueError, UnicodeError) as error:
        raise UnavailableError(f"{host} cannot be resolved") from error
    if not addresses:
        raise UnavailableError(f"{host} cannot be resolved")
    if _names_loopback(host):
        if not all(address.is_loopback for address in addresses):
            raise OutboundRefusedError(f"{host} is not this machine")
    elif any(is_forbidden(address) for address in addresses):
        raise OutboundRefusedError(f"{host} is inside a network that no request of ours may enter")
    return str(addresses[0])


def system_resolve(host: str, port: int) -> list[str]:
    """What the operating system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    *,
    max_bytes: int,
    seconds: float,
    resolve: Resolve = system_resolve,
    backend: httpcore.NetworkBackend | None = None,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """The body of a 200 answer to GET `url`: no redirects, no proxy, no cookies, no compression.

    Raises UnavailableError where there is none within `seconds` and `max_bytes`, OutboundRefusedError,
    ConfigurationError.
    """
    parts = urlsplit(check_web_address(url))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    give_up = time.monotonic() + seconds
    pinned = _Pinned(resolved(host, port, resolve), give_up, backend or httpcore.SyncBackend())
    context = tls or httpx.create_ssl_context()
    headers: dict[str | bytes, str | bytes] = {"accept": "application/json", "accept-encoding": "identity"}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=context, network_backend=pinned) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            if response.status != 200:
                raise UnavailableError(f"{host} answered {response.status}")
            return _whole(response.iter_stream(), max_bytes)
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        raise UnavailableError(f"{host} cannot be reached: {type(error).__name__}") from error


def _whole(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise UnavailableError(f"the answer is longer than {max_bytes} bytes")
    return bytes(body)


def _names_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Pinned(httpcore.NetworkBackend):
    """Connects to one address, whatever the name; everything must be over by `give_up` (monotonic)."""

    def __init__(self, address: str, give_up: float, inner: httpcore.NetworkBackend) -> None:
        self._address, self._give_up, self._inner = address, give_up, inner

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(
            self._address,
            port,
            timeout=left(self._give_up),
            local_address=local_address,
            socket_options=socket_options,
        )
        return _Bounded(stream, self._give_up)


class _Bounded(httpcore.NetworkStream):
    """A stream on which no call waits beyond `give_up`: a server that trickles gains nothing."""

    def __init__(self, inner: httpcore.NetworkStream, give_up: float) -> None:
        self._inner, self._give_up = inner, give_up

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._inner.read(max_bytes, left(self._give_up))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, left(self._give_up))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        return _Bounded(
            self._inner.start_tls(ssl_context, server_hostname, left(self._give_up)), self._give_up
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def left(give_up: float) -> float:
    """The seconds until `give_up`.

    Raises httpcore.ReadTimeout where there are none.
    """
    seconds = give_up - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout("too late")
    return seconds
