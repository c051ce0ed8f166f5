"""One HTTP/1.1 connection on a plain socket, for a few small requests to AWS.

`http.client` brings `email` and `ssl` along: 20 ms of every cold start. What AWS answers needs neither.
"""

import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from burgee.adapters.aws.name_lookup import NAMES, NameLookup, numeric_addresses

if TYPE_CHECKING:
    import ssl

    from burgee.adapters.aws.authorities import Authorities

LARGEST_HEAD_BYTES = 64 * 1024
LARGEST_BODY_BYTES = 64 * 1024 * 1024
IDLE_SECONDS = 5.0
"""A connection that rested for longer is not trusted: a process that was frozen has missed its end."""

_CHUNK = 256 * 1024


class Origin(NamedTuple):
    """Where a service is reached; `path` stands before that of every request."""

    is_tls: bool
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


class Response(NamedTuple):
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Timeouts(NamedTuple):
    """Seconds for one connection attempt, and for each wait for bytes."""

    connect: float = 0.5
    read: float = 1.0


def read_origin(url: str) -> Origin:
    """The origin of an endpoint address. Raises ValueError for anything but http and https."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https"):
        raise ValueError(f"{url} is neither http nor https")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    is_tls = scheme.lower() == "https"
    if not host or "@" in host:
        raise ValueError(f"{url} names no host")
    number = int(port) if port else (443 if is_tls else 80)
    return Origin(is_tls, host.strip("[]"), number, f"{slash}{path}".rstrip("/"))


class HttpConnection:
    """A connection that is opened when it is needed, kept, and opened anew when it cannot be trusted.

    Errors are OSError, also for answers that are no HTTP; then the connection is closed. Not thread-safe.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a value without state
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        authorities: "Authorities | None" = None,
        names: NameLookup = NAMES,
    ) -> None:
        self.origin = origin
        self._timeouts, self._monotonic, self._wall = timeouts, monotonic, wall
        self._authorities, self._names = authorities, names
        self._socket: socket.socket | None = None
        self._used_at = (0.0, 0.0)

    def close(self) -> None:
        """Give the connection up; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, deadline: float
    ) -> Response:
        """One request and its answer; `deadline` is a time of the monotonic clock.

        Where a kept connection turns out to be dead before a byte of the answer has come, the request is sent
        once more on a new one. Raises OSError.
        """
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append(f"content-length: {len(body)}")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchange(kept, data, method, deadline)
            except (ConnectionError, _NothingCameError):
                self.close()
        return self._exchange(self._open(deadline), data, method, deadline)

    def _exchange(self, connected: socket.socket, data: bytes, method: str, deadline: float) -> Response:
        try:
            self._limit(connected, deadline)
            connected.sendall(data)
            response, keeps = _Reader(connected, lambda: self._limit(connected, deadline)).response(method)
        except BaseException:
            self.close()
            raise
        self._used_at = self._monotonic(), self._wall()
        if not keeps:
            self.close()
        return response

    def _kept(self) -> socket.socket | None:
        """The connection of the last request, where it still seems to be one."""
        kept = self._socket
        if kept is None:
            return None
        # Of a process that was frozen the monotonic clock may have stood still, and the wall clock not.
        rested = max(self._monotonic() - self._used_at[0], abs(self._wall() - self._used_at[1]))
        if rested > IDLE_SECONDS or _is_over(kept):
            self.close()
            return None
        return kept

    def _open(self, deadline: float) -> socket.socket:
        made = self._connected(deadline)
        if self.origin.is_tls:
            made = self._verified(made, deadline)
        self._socket = made
        return made

    def _verified(self, made: socket.socket, deadline: float) -> socket.socket:
        from ssl import SSLCertVerificationError

        from burgee.adapters.aws.authorities import authorities

        trusted = self._authorities if self._authorities is not None else authorities()
        try:
            return self._secured(made, trusted.context(), deadline)
        except SSLCertVerificationError:
            if not trusted.widen():
                raise
        return self._secured(self._connected(deadline), trusted.context(), deadline)

    def _secured(self, made: socket.socket, context: "ssl.SSLContext", deadline: float) -> socket.socket:
        try:
            self._limit(made, deadline)
            return context.wrap_socket(made, server_hostname=self.origin.host)
        except BaseException:
            made.close()
            raise

    def _connected(self, deadline: float) -> socket.socket:
        """A socket to the first address that takes one; all of it, the look-up included, ends in time."""
        host, port = self.origin.host, self.origin.port
        found = numeric_addresses(host, port)
        if not found:
            found = self._names.addresses(host, port, seconds=self._left(deadline))
        problem: OSError = OSError(f"the name {host} has no address")
        for family, address in found:
            made = socket.socket(family, socket.SOCK_STREAM)
            try:
                made.settimeout(min(self._timeouts.connect, self._left(deadline)))
                made.connect(address)
            except OSError as error:
                made.close()
                problem = error
            else:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
        raise problem

    def _limit(self, connected: socket.socket, deadline: float) -> None:
        connected.settimeout(min(self._timeouts.read, self._left(deadline)))

    def _left(self, deadline: float) -> float:
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the time for this request is over")
        return left


class _NothingCameError(ConnectionError):
    """The other side hung up before the first byte of an answer."""


class _Reader:
    """Reads one response; `limit` is called before each wait, and raises where there is no time for it."""

    def __init__(self, connected: socket.socket, limit: Callable[[], None]) -> None:
        self._socket, self._limit = connected, limit
        self._data = bytearray()

    def response(self, method: str) -> tuple[Response, bool]:
        """The response, and whether the connection can be used again."""
        status = 100
        headers: dict[str, str] = {}
        while 100 <= status < 200:
            status, headers = _parsed(self._until(b"\r\n\r\n"))
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(_number(headers["content-length"], 10))
        else:
            return Response(status, headers, self._rest()), False
        keeps = headers.get("connection", "").lower() != "close" and not self._data
        return Response(status, headers, body), keeps

    def _more(self) -> bool:
        self._limit()
        part = self._socket.recv(_CHUNK)
        self._data += part
        return bool(part)

    def _until(self, end: bytes) -> bytes:
        while (place := self._data.find(end)) < 0:
            if len(self._data) > LARGEST_HEAD_BYTES:
                raise ConnectionError("the head of the answer is too long")
            if not self._more():
                if not self._data:
                    raise _NothingCameError("the connection was closed")
                raise ConnectionError("the answer ends within its head")
        found = bytes(self._data[:place])
        del self._data[: place + len(end)]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            if not self._more():
                raise ConnectionError("the answer is shorter than it says")
        found = bytes(self._data[:size])
        del self._data[:size]
        return found

    def _chunks(self) -> bytes:
        parts, total = [], 0
        while size := _number(self._until(b"\r\n").partition(b";")[0].decode("latin-1"), 16):
            total += size
            if total > LARGEST_BODY_BYTES:
                raise ConnectionError("the answer is too long")
            parts.append(self._exactly(size))
            self._exactly(2)
        while self._until(b"\r\n"):
            pass
        return b"".join(parts)

    def _rest(self) -> bytes:
        while self._more():
            if len(self._data) > LARGEST_BODY_BYTES:
                raise ConnectionError("the answer is too long")
        return bytes(self._data)


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise ConnectionError("the answer is no HTTP")
    pairs = (line.partition(":") for line in lines[1:])
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _number(text: str, radix: int) -> int:
    try:
        size = int(text.strip(), radix)
    except ValueError:
        size = -1
    if not 0 <= size <= LARGEST_BODY_BYTES:
        raise ConnectionError("the answer has a size that cannot be")
    return size


def _is_over(connected: socket.socket) -> bool:
    """Whether the other side has hung up, or has said something that nobody asked for."""
    connected.settimeout(0)
    try:
        # Below TLS, which knows no peeking, a byte may be a session ticket: only the end is an end there.
        seen = socket.socket.recv(connected, 1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    return not seen or type(connected) is socket.socket
