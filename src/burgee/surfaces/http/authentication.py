"""Who is calling: a Bearer token or the session cookie, and what a browser must prove beside the cookie."""

from collections.abc import Callable

import msgspec
from starlette.datastructures import Headers

from burgee.errors import Fault, OriginRefusedError, UnauthenticatedError
from burgee.service.access import Access, Identity
from burgee.surfaces.http.problems import UnsupportedMediaTypeError

SESSION_COOKIE = "burgee-session"
SECURE_SESSION_COOKIE = f"__Host-{SESSION_COOKIE}"
"""Its name over https: a browser then lets no other host and no plain connection set it."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A token and whether a browser sent it on its own (a cookie), so that other sites could make it."""

    token: str
    is_ambient: bool


def read_credentials(
    headers: Headers, *, shared_cookie: str = "", is_https: bool = False
) -> Credentials | None:
    """The one token of a request, None where it brings none.

    `shared_cookie` names the cookie in which another issuer keeps its sessions, "" for none; a session of
    our own, which was begun here on purpose, goes before it.

    Raises UnauthenticatedError where there is more than one answer to who is calling: two Authorization
    headers, two session cookies, a cookie and a Bearer token that differ, or another scheme.
    """
    bearer = _bearer(headers.getlist("authorization"))
    own = SECURE_SESSION_COOKIE if is_https else SESSION_COOKIE
    sent = headers.getlist("cookie")
    cookie = _cookie(sent, own)
    if cookie is None and shared_cookie:
        cookie = _cookie(sent, shared_cookie)
    if bearer is not None and cookie is not None and bearer != cookie:
        raise UnauthenticatedError("the cookie and the Authorization header differ")
    if bearer is not None:
        return Credentials(token=bearer, is_ambient=False)
    return Credentials(token=cookie, is_ambient=True) if cookie is not None else None


def identify(
    access: Access, headers: Headers, *, shared_cookie: str = "", is_https: bool = False
) -> tuple[Identity | None, bool]:
    """The identity behind a request, and whether it rests on a cookie; arguments as `read_credentials`.

    Raises UnauthenticatedError for credentials that cannot be verified, KeysUnavailableError where that
    cannot be said now.
    """
    credentials = read_credentials(headers, shared_cookie=shared_cookie, is_https=is_https)
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
    name, secure = (SECURE_SESSION_COOKIE, "; Secure") if is_https else (SESSION_COOKIE, "")
    return f"{name}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"


def _bearer(lines: list[str]) -> str | None:
    if not lines:
        return None
    scheme, _, token = lines[0].partition(" ")
    if len(lines) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("one Authorization header of the Bearer scheme is understood")
    return token.strip()


def _cookie(lines: list[str], wanted: str) -> str | None:
    """The value of the one cookie of that name; one without a value is none."""
    pairs = [pair.strip().partition("=") for line in lines for pair in line.split(";")]
    found = [value.strip() for name, _, value in pairs if name.strip() == wanted]
    if len(found) > 1:
        raise UnauthenticatedError("two session cookies")
    return found[0] or None if found else None
