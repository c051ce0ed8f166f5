"""Signing a browser in by a one-time link, and out; opening the link changes nothing, its button does."""

import math
from html import escape
from urllib.parse import parse_qsl

from burgee.errors import UnauthenticatedError
from burgee.surfaces.http.authentication import session_cookie
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.pages import html_answer


def show_sign_in(call: Call) -> Answer:
    """The page that a one-time link opens: one button. Mail scanners and prefetchers press none."""
    return _page("Sign this browser in to Burgee?", base_path=call.base_path, code=call.text("code"))


def sign_in(call: Call) -> Answer:
    """Redeem the code, set the session cookie and go to the documentation."""
    code = _code(call.body)
    try:
        token = call.services.access.redeem_sign_in_code(code)
        expires_at = call.services.access.authenticate(token).expires_at
    except UnauthenticatedError:
        words = "This link is used up, expired or unknown. Ask the server for a new one."
        return _page(words, base_path=call.base_path, code="", status=401)
    max_age = math.floor(expires_at - call.services.clock())
    cookie = session_cookie(token, max_age=max_age, is_https=call.is_https)
    return Answer(status=303, headers=(("location", "/docs"), ("set-cookie", cookie)))


def sign_out(call: Call) -> Answer:
    """Forget the session in this browser."""
    cookie = session_cookie("", max_age=0, is_https=call.is_https)
    return Answer(status=303, headers=(("location", "/docs"), ("set-cookie", cookie)))


def _code(body: bytes) -> str:
    try:
        fields = dict(parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=4))
    except ValueError:
        return ""  # what cannot be read is an unknown code
    return fields.get("code", "")[:256]


def _page(text: str, *, base_path: str, code: str, status: int = 200) -> Answer:
    kind = "hidden" if code else "text"
    label = "" if code else '<label for="code">One-time code</label>'
    field = f'<input id="code" type="{kind}" name="code" value="{escape(code)}" autocomplete="off" required>'
    action = escape(f"{base_path}/sign-in")
    form = f'<form method="post" action="{action}">{label}{field} <button>Sign in</button></form>'
    body = f"<main><h1>Burgee</h1><p>{text}</p>{form}</main>"
    return html_answer("Sign in - Burgee", body, base_path=base_path, status=status)
