"""Who is calling: a Bearer token or the session cookie, and what a browser must prove beside the cookie."""

from collections.abc import Callable

import msgspec
from starlette.datastructures import Headers

from burgee.errors import Fault, OriginRefusedError, UnauthenticatedError
from burgee.service.access import Access, Identity
from burgee.surfaces.http.problems import UnsupportedMediaTypeError

SESSION_COOKIE = "burgee-session"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A token and whether a browser sent it on its own (a cookie), so that other sites could make it."""

    token: str
    is_ambient: bool


def read_credentials(headers: Headers) -> Credentials | None:
    """The one token of a request, None where it brings none.

    Raises UnauthenticatedError where there is more than one answer to who is calling: two Authorization
    headers, two session cookies, a cookie and a Bearer token that differ, or another scheme.
    """
    bearer = _bearer(headers.getlist("authorization"))
    cookie = _session_cookie(headers.getlist("cookie"))
    if bearer is not None and cookie is not None and bearer != cookie:
        raise UnauthenticatedError("the cookie and the Authorization header differ")
    if bearer is not None:
        return Credentials(token=bearer, is_ambient=False)
    return Credentials(token=cookie, is_ambient=True) if cookie is not None else None


def identify(access: Access, headers: Headers) -> tuple[Identity | None, bool]:
    """The identity behind a request, and whether it rests on a cookie.

    Raises UnauthenticatedError for credentials that cannot be verified.
    """
    credentials = read_credentials(headers)
    if credentials is None:
        return None, False
    return access.authenticate(credentials.token), credentials.is_ambient


def require_same_origin(
    headers: Headers,
    *,
    origin: str,
    allow_absent: bool = False,
    is_allowed: Callable[[str], bool] = lambda _: False,
) -> None:
    """Refuse a request that another site made a browser send; `origin` is ours, as `scheme://host[:port]`.

    A browser proves it by Sec-Fetch-Site or by Origin; `is_allowed` knows the other origins that may.
    Raises OriginRefusedError.
    """
    site, sent = headers.get("sec-fetch-site"), headers.get("origin")
    if site == "same-origin" and sent in (None, "null", origin):
        return
    if site is None and sent == origin:
        return
    if allow_absent and site is None and sent is None:
        return
    if sent is not None and headers.getlist("origin") == [sent] and is_allowed(sent):
        return
    raise OriginRefusedError(
        "a browser session may only be used from this server's own pages and allowed origins"
    )


def require_json(headers: Headers, media_types: tuple[str, ...]) -> None:
    """Refuse media types that a form of another site can send; `media_types` are those accepted.

    Raises UnsupportedMediaTypeError.
    """
    if "*/*" in media_types:
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in media_types:
        message = f"a browser session needs Content-Type {' or '.join(media_types)}"
        raise UnsupportedMediaTypeError([Fault("", "unsupported-media-type", message)])


def session_cookie(token: str, *, max_age: int, is_https: bool) -> str:
    """The Set-Cookie value that signs a browser in, or out where `token` is empty."""
    secure = "; Secure" if is_https else ""
    return f"{SESSION_COOKIE}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"


def _bearer(lines: list[str]) -> str | None:
    if not lines:
        return None
    scheme, _, token = lines[0].partition(" ")
    if len(lines) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("one Authorization header of the Bearer scheme is understood")
    return token.strip()


def _session_cookie(lines: list[str]) -> str | None:
    pairs = [pair.strip().partition("=") for line in lines for pair in line.split(";")]
    found = [value for name, _, value in pairs if name.strip() == SESSION_COOKIE]
    if len(found) > 1:
        raise UnauthenticatedError("two session cookies")
    return found[0] if found else None
