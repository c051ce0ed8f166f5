"""AWS Signature Version 4, for requests whose path and query are written as they go over the wire.

botocore signs the same, at many times the cost of import; the tests compare every part with it.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED | {ord("/")}
_UNSIGNED = frozenset({"expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
"""Headers that somebody on the way may change (those that botocore leaves out)."""


class Credentials(NamedTuple):
    """Who signs; `token` is that of a session, "" for a long-lived key."""

    access_key: str
    secret_key: str
    token: str = ""


class UnsignedRequest(NamedTuple):
    """A request as it is sent: `path` and `query` are percent-encoded, header names in any case."""

    method: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


def quoted(text: str, *, is_path: bool = False) -> str:
    """`text` percent-encoded as AWS wants it; in a path slashes stay."""
    kept = _PATH if is_path else _UNRESERVED
    data = text.encode()
    if kept.issuperset(data):
        return text
    return "".join([chr(byte) if byte in kept else f"%{byte:02X}" for byte in data])


def sign(
    request: UnsignedRequest, credentials: Credentials, *, region: str, service: str, now: float
) -> dict[str, str]:
    """All headers to send, by names in lower case; `now` is Unix seconds.

    S3 is signed by its own rules: the path as it is, and the hash of the body as a header.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = request.host
    headers["x-amz-date"] = stamp
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    digest = hashlib.sha256(request.body).hexdigest()
    if service == "s3":
        headers["x-amz-content-sha256"] = digest
    signed = sorted(headers.keys() - _UNSIGNED)
    names = ";".join(signed)
    path = request.path if service == "s3" else quoted(_without_dots(request.path), is_path=True)
    lines = [
        request.method,
        path or "/",
        "&".join(f"{name}={value}" for name, value in _pairs(request.query)),
        *[f"{name}:{' '.join(headers[name].split())}" for name in signed],
        "",
        names,
        digest,
    ]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _pairs(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    pairs = [part.partition("=") for part in query.split("&")]
    return sorted((name, value) for name, _, value in pairs)


def _without_dots(path: str) -> str:
    """The path without empty, `.` and `..` segments (RFC 3986 section 5.2.4, and double slashes as well)."""
    if not path:
        return "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    first = "/" if path[0] == "/" else ""
    last = "/" if path[-1] == "/" and kept else ""
    return first + "/".join(kept) + last
