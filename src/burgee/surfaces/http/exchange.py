"""What a handler gets and gives: a `Call` that has passed every check, and an `Answer`."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from starlette.datastructures import Headers

from burgee.service.access import Identity
from burgee.service.publish import Author
from burgee.service.services import Services

ParameterValue: TypeAlias = str | int | float | bool
Value = TypeVar("Value", str, int, float, bool)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read and checked against its operation; `identity` is None on open operations only."""

    services: Services
    identity: Identity | None
    method: str
    url_path: str
    query_string: bytes
    parameters: Mapping[str, ParameterValue]
    """Path and query parameters and declared headers by name; absent ones are absent."""
    headers: Headers
    body: bytes = b""
    media_type: str = ""
    request_id: str = ""
    is_https: bool = False
    client: str | msgspec.UnsetType = msgspec.UNSET
    """The network address that the request came from, where it came over one."""
    base_path: str = ""
    """What the paths of addresses in pages begin with: the stage of a gateway, or what a proxy takes off."""

    def text(self, name: str, default: str = "") -> str:
        """The string parameter `name`."""
        value = self.parameters.get(name, default)
        return value if isinstance(value, str) else default

    def maybe_text(self, name: str) -> str | None:
        """The string parameter `name`, None where it was not sent."""
        return self.text(name) if name in self.parameters else None

    def integer(self, name: str, default: int) -> int:
        """The whole-number parameter `name`."""
        value = self.parameters.get(name, default)
        return value if isinstance(value, int) else default

    def maybe_number(self, name: str) -> float | None:
        """The number parameter `name`, None where it was not sent."""
        value = self.parameters.get(name)
        return float(value) if isinstance(value, int | float) else None

    def is_set(self, name: str) -> bool:
        """Whether the boolean parameter `name` was sent as true."""
        return self.parameters.get(name) is True

    @property
    def subject(self) -> str:
        """Who calls; only operations with a permission ask."""
        return self.identity.subject if self.identity is not None else ""

    @property
    def author(self) -> Author:
        """Who and which request stand in the audit event, and whether that caller reaches only some sets."""
        is_bound = self.identity is not None and bool(self.identity.flag_sets)
        return Author(subject=self.subject, request_id=self.request_id, is_bound=is_bound, client=self.client)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A status, a body and the headers that belong to it (Content-Type among them, where there is a body)."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """The first header of that name, which is written in lower case."""
        return next((value for found, value in self.headers if found.lower() == name), None)


JSON_TYPE = ("content-type", "application/json; charset=utf-8")

_encoder = msgspec.json.Encoder()


def json_answer(
    value: object,
    *,
    status: int = 200,
    etag: str = "",
    location: str = "",
    headers: Iterable[tuple[str, str]] = (),
) -> Answer:
    """Answer with the JSON form of `value`."""
    fields = [JSON_TYPE, *headers]
    if etag:
        fields.append(("etag", etag))
    if location:
        fields.append(("location", location))
    return Answer(status=status, body=_encoder.encode(value), headers=tuple(fields))
