"""Which origins may call from a browser: the setting BURGEE_CORS_ORIGINS, read once, refused when unsafe."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from burgee.surfaces.http.origin_domains import HOST_CHARACTERS, domains_of
from burgee.surfaces.http.origin_pattern import InvalidPatternError, OriginPattern

REGEX = "regex:"
ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
"""What browsers send as Origin of a page (RFC 6454 section 6.1).

There is one way only to read each character.
"""

ORIGIN_CHARACTERS = len("https://:65535") + HOST_CHARACTERS
DEFAULT_PORTS = {"http": "80", "https": "443"}
LOOPBACK = re.compile(r"(?:.+\.)?localhost|127\.[0-9.]+|\[::1\]", re.ASCII)

SHARED_SUFFIXES = frozenset(
    [
        f"{second}.{country}"
        for country in ("uk", "nz", "jp", "in", "kr", "za")
        for second in ("co", "org", "ac")
    ]
    + [f"com.{country}" for country in ("au", "br", "mx", "cn", "tw", "tr", "sg")]
    + ["github.io", "gitlab.io", "pages.dev", "workers.dev", "netlify.app", "vercel.app", "herokuapp.com"]
    + ["web.app", "firebaseapp.com", "azurewebsites.net", "cloudfront.net", "amazonaws.com", "appspot.com"]
    + ["onrender.com", "fly.dev", "ngrok.io", "blogspot.com", "surge.sh", "glitch.me", "deno.dev"]
)
"""Suffixes of two labels under which anybody gets a name."""

CANARIES = (
    "null",
    "http://evil.com",
    "https://evil.com",
    "https://www.evil.com",
    "https://evil.com:8443",
    "https://evil.org",
    "https://evil.net",
    "https://evil.io",
    "https://evil.dev",
    "https://evil.app",
    "https://evil.example",
    "https://attacker.com",
    "https://a.b",
    "https://com",
    "https://evil",
    "http://192.0.2.1",
    "http://192.0.2.1:8080",
    "http://[2001:db8::1]",
    "https://evil-example.com",
    "https://example.com.evil.com",
    "https://evil.s3.amazonaws.com",
    *(f"https://evil.{suffix}" for suffix in sorted(SHARED_SUFFIXES)),
)
"""Origins that no setting means: a pattern that lets one in lets everybody in."""


class Allowed(NamedTuple):
    """The origins of the setting; `warnings` are sentences about what it lets in."""

    exact: frozenset[str] = frozenset()
    patterns: tuple[OriginPattern, ...] = ()
    warnings: tuple[str, ...] = ()

    def has(self, origin: str) -> bool:
        """Whether `origin` is one of them; anything that is no origin is not."""
        if origin in self.exact:
            return True
        if not self.patterns or not is_origin(origin):
            return False
        return any(pattern.matches(origin) for pattern in self.patterns)


def is_origin(text: str) -> bool:
    """Whether `text` is the http or https origin of a page, of a host of at most 253 characters."""
    if len(text) > ORIGIN_CHARACTERS:
        return False
    found = ORIGIN.fullmatch(text)
    return found is not None and len(found["host"]) <= HOST_CHARACTERS


def read_origins(text: str) -> Allowed:
    """The origins of a comma-separated setting: exact ones, or `regex:` and a pattern of whole origins.

    Raises ValueError naming every entry that is refused.
    """
    exact: set[str] = set()
    patterns: list[OriginPattern] = []
    warnings: list[str] = []
    problems: list[str] = []
    for entry in _entries(text):
        try:
            if entry.startswith(REGEX):
                pattern, domains = _pattern(entry.removeprefix(REGEX))
                patterns.append(pattern)
                warnings += _warnings(entry, domains, is_plain=pattern.begins("http:"))
            else:
                exact.add(_exact(entry))
                host = ORIGIN.sub(r"\g<host>", entry)
                warnings += _warnings(entry, (host,), is_plain=entry.startswith("http:"))
        except ValueError as error:
            problems.append(f"`{entry}` is refused: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return Allowed(frozenset(exact), tuple(patterns), tuple(warnings))


def _entries(text: str) -> list[str]:
    if not text.strip():
        return []
    # A comma inside the braces of a count, as in {1,3}, separates nothing.
    return [entry.strip() for entry in re.split(r",(?![0-9]*\})", text)]


def _exact(entry: str) -> str:
    if not entry:
        raise ValueError("there is nothing between two commas")
    if entry == "*":
        raise ValueError("every site could act for a signed-in browser; name the sites that may")
    if entry == "null":
        raise ValueError("any page can make itself the origin null, in a sandboxed frame")
    found = ORIGIN.fullmatch(entry)
    if found is None or not is_origin(entry):
        raise ValueError("it is not an origin such as https://app.example.com, without path, slash or spaces")
    if entry != entry.lower():
        raise ValueError("browsers send origins in lower case")
    port = found["port"]
    if port is not None and (port.startswith("0") or int(port) > 65_535):
        raise ValueError(f"{port} is no port")
    if port == DEFAULT_PORTS[found["scheme"]]:
        raise ValueError(f"browsers leave out the port {port}, which is that of {found['scheme']}")
    return entry


def _pattern(source: str) -> tuple[OriginPattern, frozenset[str]]:
    pattern = OriginPattern(source)
    for canary in CANARIES:
        if pattern.matches(canary):
            raise InvalidPatternError(f"it lets {canary} in")
    domains = domains_of(pattern, SHARED_SUFFIXES)
    if not domains or "" in domains:
        raise InvalidPatternError("it matches no origin")
    return pattern, domains


def _warnings(entry: str, domains: Iterable[str], *, is_plain: bool) -> list[str]:
    """What an operator should know of an entry that is accepted; `is_plain`: it lets http in."""
    found = []
    away = sorted(domain for domain in domains if not LOOPBACK.fullmatch(domain))
    open_ones = [domain for domain in away if domain.startswith("*.")]
    if open_ones:
        found.append(f"{entry} lets every page on {', '.join(open_ones)} act for the people signed in")
    if is_plain and away:
        found.append(f"{entry} lets http in: whoever is on the network path can act for the people signed in")
    return found
