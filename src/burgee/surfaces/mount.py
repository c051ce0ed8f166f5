"""Where an API stands below its host: its stage, or the base path of a custom domain.

`path` in an event of payload format 1.0 is without the stage, but with the base path of a custom domain; that
of an HTTP API with this format has its stage. What belongs to us is what the route and its parameters say.
"""

import re
from collections.abc import Mapping
from typing import Any

_BASE = re.compile(r"(?:/[A-Za-z0-9$._~-]+)*", re.ASCII)
"""Nothing that a browser could take for another host, or for more than a path."""


def mount_of(event: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str]:
    """For an event in the form of a REST API: what stands before our paths, and our path as it was sent."""
    path, whole = _text(event.get("path")) or "/", _text(context.get("path"))
    if path == "/" and whole.rstrip("/"):
        return _usable(whole.rstrip("/"), path)
    if whole != path and whole.endswith(path):
        return _usable(whole.removesuffix(path), path)
    wanted = _filled(event)
    segments = path.split("/")
    for count in range(1, len(segments) + 1):
        ours = "/" + "/".join(segments[count:])
        if wanted is not None and _same(ours, wanted):
            return _usable("/".join(segments[:count]), ours)
    return "", path


def _filled(event: Mapping[str, Any]) -> str | None:
    """The route with its parameters in their places, None where the event names none."""
    resource, parameters = event.get("resource"), event.get("pathParameters") or {}
    if not isinstance(resource, str) or not isinstance(parameters, dict):
        return None
    for name, value in parameters.items():
        for placeholder in (f"{{{name}+}}", f"{{{name}}}"):
            resource = resource.replace(placeholder, str(value))
    return resource


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _same(sent: str, wanted: str) -> bool:
    """Whether they are one path: parameters may come decoded, and no slash at the end counts."""
    sent, wanted = sent.rstrip("/"), wanted.rstrip("/")
    if sent == wanted:
        return True
    if "%" not in sent:
        return False
    from urllib.parse import unquote

    return unquote(sent) in (wanted, unquote(wanted))


def _usable(base: str, path: str) -> tuple[str, str]:
    return (base, path) if _BASE.fullmatch(base) else ("", path)
