"""The few files that browsers load, read from the package."""

from functools import cache
from html import escape
from importlib.resources import files

from burgee.surfaces.http.exchange import Answer

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@cache
def page_file(name: str) -> bytes:
    """The bytes of one file beside this module."""
    return files(__name__).joinpath(name).read_bytes()


def html_answer(title: str, body: str, *, base_path: str, status: int = 200, script: str = "") -> Answer:
    """A page around `body`, which is HTML already; `title` is plain text of ours.

    `base_path` stands before the addresses of `script` and of the style.

    Referrer-Policy is same-origin, not no-referrer: browsers send `Origin: null` with forms otherwise, and
    the sign-in form could not be told from one of another site.
    """
    base = escape(base_path)
    tag = f'<script type="module" src="{base}{script}"></script>' if script else ""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="stylesheet" href="{base}/docs/style.css">{tag}</head>'
        f"<body>{body}</body></html>"
    )
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("referrer-policy", "same-origin"),
    )
    return Answer(status=status, body=page.encode(), headers=headers)
