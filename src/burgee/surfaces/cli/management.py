"""The management API as the commands use it: documents in, documents out, problems as errors."""

from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from burgee.errors import (
    BurgeeError,
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
)
from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli.output import compact

if TYPE_CHECKING:
    import httpx

Query = Mapping[str, str | int | bool | None]
IMPORT_TIMEOUT_SECONDS = 120.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was accepted; `document` is None where the body is empty."""

    status: int
    etag: str
    document: JsonValue
    content: bytes


class Management:
    """Speaks to one server through an injected client, which knows the address and is signed in."""

    def __init__(self, client: "httpx.Client") -> None:
        self._client = client

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        accept: Container[int] = (),
    ) -> Answer:
        """One request; statuses in `accept` are answers even though they are no success.

        Raises the BurgeeError that the answer's status stands for, and UnavailableError where nobody answers.
        """
        import httpx

        all_headers = dict(headers or {})
        if content is not None:
            all_headers["Content-Type"] = content_type
        parameters = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        try:
            answer = self._client.request(
                method,
                path,
                params=parameters,
                content=content,
                headers=all_headers,
                timeout=IMPORT_TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            raise UnavailableError(f"no answer from {self._client.base_url}: {error}") from error
        document = _document(answer.content)
        if answer.status_code >= 300 and answer.status_code not in accept:
            raise error_of(answer.status_code, document)
        return Answer(
            status=answer.status_code,
            etag=answer.headers.get("etag", ""),
            document=document,
            content=answer.content,
        )

    def write(self, method: str, path: str, document: JsonValue) -> JsonObject:
        """Send `document` as JSON, or as a merge patch, and return the object that is answered."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = msgspec.json.encode(document)
        return as_object(self.send(method, path, content=content, content_type=content_type).document)

    def read(self, path: str, query: Query | None = None) -> JsonObject:
        """GET one object."""
        return as_object(self.send("GET", path, query=query).document)

    def pages(self, path: str, query: Query) -> Iterator[JsonObject]:
        """Every item of a paged list, asking for the next page only once it is needed."""
        cursor: JsonValue = None
        while True:
            page = self.read(path, {**query, "cursor": str(cursor) if cursor else None})
            items = page.get("items")
            for item in items if isinstance(items, list) else []:
                yield as_object(item)
            cursor = page.get("nextCursor")
            if not cursor:
                return


def flag_path(flag_set: str, key: str) -> str:
    """The path of one flag; whatever stands in a key stays inside its segment."""
    return f"{flag_set_path(flag_set)}/flags/{quote(key, safe='')}"


def flag_set_path(flag_set: str) -> str:
    """The path of one flag set."""
    return f"/api/v1/flag-sets/{quote(flag_set, safe='')}"


def as_object(document: JsonValue) -> JsonObject:
    """`document` where it is an object.

    Raises UnavailableError otherwise: whatever answered does not speak this API.
    """
    if not isinstance(document, dict):
        raise UnavailableError("the answer is not from a Burgee management API")
    return document


def error_of(status: int, document: JsonValue) -> BurgeeError:
    """The error that a problem document (RFC 9457) stands for."""
    problem = document if isinstance(document, dict) else {}
    detail = str(
        problem.get("detail") or problem.get("title") or problem.get("errorDetails") or f"status {status}"
    )
    match status:
        case 401:
            return UnauthenticatedError(f"{detail} (give --token or BURGEE_TOKEN)")
        case 403:
            return ForbiddenError(detail)
        case 404:
            return NotFoundError(detail)
        case 412:
            current = problem.get("currentVersion")
            return VersionConflictError(
                "\n".join([detail, *_differences(problem)]),
                current=current if isinstance(current, int) else 0,
            )
        case 409:
            return ConflictError(detail)
        case 408 | 429:
            return UnavailableError(detail)
        case _ if status >= 500 or status < 400:
            return UnavailableError(detail)
        case _:
            return InvalidInputError(_faults(problem) or [Fault("", "refused", detail)])


def _faults(problem: JsonObject) -> list[Fault]:
    errors = problem.get("errors")
    return [
        Fault(
            str(error.get("pointer", "")),
            str(error.get("code", "refused")),
            str(error.get("detail", "refused")),
        )
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]


def _differences(problem: JsonObject) -> list[str]:
    entries = problem.get("diff")
    return [
        f"  {entry.get('pointer', '')}: now {compact(entry.get('current'))}"
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]


def _document(content: bytes) -> JsonValue:
    try:
        document: JsonValue = msgspec.json.decode(content) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return document


def _text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
