"""Parameters in paths, queries and headers: read strictly, every fault at once, described for OpenAPI."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Literal
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers

from burgee.errors import Fault, InvalidInputError
from burgee.model.json import JsonObject
from burgee.surfaces.http.exchange import ParameterValue

MAX_PARAMETERS = 32
"""More fields than this in one query are refused before they are looked at."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,9})?", re.ASCII)


class Place(Enum):
    """Where in the request a value stands; the names are OpenAPI's, `BODY` is the rest."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"


class InvalidRequestError(InvalidInputError):
    """Faults outside the body: `places` says for each fault where its pointer points."""

    def __init__(self, found: Sequence[tuple[Place, Fault]]) -> None:
        self.places = tuple(place for place, _ in found)
        super().__init__([fault for _, fault in found])


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A named value in the path, the query or a header. `pattern` must match the whole text."""

    name: str
    place: Place
    description: str
    kind: Literal["string", "integer", "number", "boolean"] = "string"
    pattern: str = ""
    min_length: int = 0
    max_length: int = 256
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    example: str | int | bool | None = None

    def read(self, text: str) -> ParameterValue | Fault:
        """The value that `text` stands for, or what is wrong with it."""
        match self.kind:
            case "string":
                return self._read_string(text)
            case "boolean":
                return text == "true" if text in ("true", "false") else self._fault("must be true or false")
            case "integer" | "number":
                return self._read_number(text)

    def _read_string(self, text: str) -> str | Fault:
        if self.choices and text not in self.choices:
            return self._fault(f"must be one of {', '.join(self.choices)}")
        if not self.min_length <= len(text) <= self.max_length:
            return self._fault(f"must have {self.min_length} to {self.max_length} characters")
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            return self._fault(f"must match {self.pattern}")
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            return self._fault("must not contain control characters")
        return text

    def _read_number(self, text: str) -> ParameterValue | Fault:
        whole = self.kind == "integer"
        if (_INTEGER if whole else _NUMBER).fullmatch(text) is None:
            return self._fault("must be a whole number" if whole else "must be a number")
        value = int(text) if whole else float(text)
        if self.minimum is not None and value < self.minimum:
            return self._fault(f"must be at least {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            return self._fault(f"must be at most {self.maximum}")
        return value

    def _fault(self, message: str) -> Fault:
        return Fault(f"/{self.name}", "invalid-parameter", f"{self.name} {message}")

    def document(self) -> JsonObject:
        """The OpenAPI parameter object."""
        schema: JsonObject = {"type": self.kind}
        if self.kind == "string":
            schema |= {"enum": list(self.choices)} if self.choices else {"maxLength": self.max_length}
            if self.min_length:
                schema["minLength"] = self.min_length
            if self.pattern:
                schema["pattern"] = f"^{self.pattern}$"
        schema |= {"minimum": self.minimum} if self.minimum is not None else {}
        schema |= {"maximum": self.maximum} if self.maximum is not None else {}
        document: JsonObject = {
            "name": self.name,
            "in": self.place.value,
            "description": self.description,
            "required": self.place is Place.PATH,
            "schema": schema,
        }
        if self.example is not None:
            document["example"] = self.example
        return document


def read_parameters(
    declared: Sequence[Parameter],
    *,
    path: Mapping[str, str],
    query: bytes,
    headers: Headers,
    is_strict: bool = True,
) -> dict[str, ParameterValue]:
    """Every parameter sent, by name; unless `is_strict`, query parameters that are unknown are passed over.

    Raises InvalidRequestError with all faults: unknown or repeated query parameters, values out of bounds,
    a query that is not UTF-8.
    """
    found: list[tuple[Place, Fault]] = []
    values: dict[str, ParameterValue] = {}
    by_place = {place: {p.name: p for p in declared if p.place is place} for place in Place}
    sent: list[tuple[Parameter, str]] = [(by_place[Place.PATH][name], path[name]) for name in path]
    for name, text in _query_fields(query):
        parameter = by_place[Place.QUERY].get(name)
        if parameter is None and not is_strict:
            continue
        if parameter is None:
            found.append((Place.QUERY, Fault("", "unknown-parameter", f"unknown parameter {name[:64]!a}")))
        elif any(parameter is earlier for earlier, _ in sent):
            found.append((Place.QUERY, Fault(f"/{name}", "repeated-parameter", f"{name} is sent twice")))
        else:
            sent.append((parameter, text))
    for name, parameter in by_place[Place.HEADER].items():
        lines = headers.getlist(name)
        if lines:
            sent.append((parameter, ", ".join(lines)))
    for parameter, text in sent:
        value = parameter.read(text)
        if isinstance(value, Fault):
            found.append((parameter.place, value))
        else:
            values[parameter.name] = value
    if found:
        raise InvalidRequestError(found)
    return values


def _query_fields(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        fault = Fault("", "invalid-query", "the query is not percent-encoded UTF-8 of a reasonable size")
        raise InvalidRequestError([(Place.QUERY, fault)]) from error
