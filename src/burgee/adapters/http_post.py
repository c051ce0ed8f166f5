"""One POST to an address that was checked: no redirects, no proxies, an end to every wait.

Written on a socket, because that is what address pinning and one deadline for everything come down to;
of the answer only the status is wanted.
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from burgee.adapters.public_addresses import Address
from burgee.errors import UnavailableError

LONGEST_ANSWER = 64 * 1024
FAREWELL_SECONDS = 0.5
"""How long an answer is read on after its status, so that the receiver is not cut off in its sentence."""

_ALLOWED = re.compile(r"[!-~]+", re.ASCII)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")

Connect: TypeAlias = Callable[[Address, int, float], socket.socket]
"""A TCP connection to an address and port within seconds; raises OSError."""


class Target(NamedTuple):
    """The parts of an http or https URL."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """The target that `url` names. Raises ValueError for whatever two readers could read differently."""
    if not _ALLOWED.fullmatch(url) or "\\" in url:
        raise ValueError("it must be printable ASCII without spaces and backslashes")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("it must begin with http:// or https://")
    if "@" in parts.netloc or not parts.hostname:
        raise ValueError("it must name a host, and no user")
    if parts.fragment:
        raise ValueError("it must have no fragment")
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls, parts.hostname, parts.port or (443 if is_tls else 80), path)


def connect(address: Address, port: int, seconds: float) -> socket.socket:
    """A TCP connection. Raises OSError."""
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((address.ip, port))
    except BaseException:
        connection.close()
        raise
    return connection


def post(
    target: Target,
    addresses: Sequence[Address],
    *,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
    context: ssl.SSLContext | None = None,
    connect: Connect = connect,
) -> int:
    """The status that `target` answers from the first of `addresses` that can be reached.

    Raises UnavailableError where there is none within `seconds`, all in all.
    """
    end = time.monotonic() + seconds
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.authority}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    request = "\r\n".join(lines).encode("ascii") + body
    try:
        with _connected(target, addresses, end, context, connect) as connection:
            connection.settimeout(_left(end))
            connection.sendall(request)
            status = _status(connection, end)
            _listen_on(connection)
            return status
    except (OSError, ssl.SSLError) as error:
        what = "no answer in time" if isinstance(error, TimeoutError) else f"no connection: {_reason(error)}"
        raise UnavailableError(what) from error


def _connected(
    target: Target, addresses: Sequence[Address], end: float, context: ssl.SSLContext | None, connect: Connect
) -> socket.socket:
    failure: OSError = OSError("there is no address")
    for address in addresses:
        try:
            connection = connect(address, target.port, _left(end))
        except OSError as error:
            failure = error
            continue
        if not target.is_tls:
            return connection
        try:
            connection.settimeout(_left(end))
            tls = context if context is not None else ssl.create_default_context()
            return tls.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise
    raise failure


def _status(connection: socket.socket, end: float) -> int:
    data, total = b"", 0
    while True:
        found = _STATUS.match(data)
        if found and int(found[1]) >= 200:
            return int(found[1])
        if found and b"\r\n\r\n" in data:  # an interim answer: the real one follows
            data = data.partition(b"\r\n\r\n")[2]
            continue
        if (not found and b"\n" in data) or total > LONGEST_ANSWER:
            raise UnavailableError("the answer is not HTTP/1.1")
        connection.settimeout(_left(end))
        part = connection.recv(4096)
        if not part:
            raise UnavailableError("the connection was closed without an answer")
        data += part
        total += len(part)


def _listen_on(connection: socket.socket) -> None:
    end, total = time.monotonic() + FAREWELL_SECONDS, 0
    with contextlib.suppress(OSError):
        while total < LONGEST_ANSWER:
            connection.settimeout(_left(end))
            part = connection.recv(4096)
            if not part:
                return
            total += len(part)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
