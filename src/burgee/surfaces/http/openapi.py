"""The OpenAPI 3.1 document, generated from the route table."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.surfaces.http.openapi_evaluation import EVALUATION_PATHS, EVALUATION_SCHEMAS
from burgee.surfaces.http.operation import ANY, PROBLEM, Operation, Payload, Reply
from burgee.surfaces.http.payloads import read_only_members
from burgee.surfaces.http.problems import INTERNAL, KINDS, Problem

_TEMPLATE = "#/components/schemas/{name}"
_SECURITY: list[dict[str, list[str]]] = [{"bearerToken": []}, {"session": []}]
_HEADERS = {
    "ETag": "The version of what is answered, for If-Match and If-None-Match.",
    "Location": "Where it is.",
    "Set-Cookie": "The session cookie.",
}
_DESCRIPTION = (
    "Feature flags: definitions, history, audit and evaluation. Unknown members and parameters are refused, "
    "errors are RFC 9457 problem documents, and every answer carries X-Request-Id."
)


def openapi_document(operations: Sequence[Operation], *, base_path: str = "") -> dict[str, Any]:
    """The document for `operations` and for the evaluation routes, as JSON values."""
    types = _types(operations)
    references, schemas = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    known: dict[Any, dict[str, Any]] = dict(zip(types, references, strict=True))
    _allow_read_only(schemas)
    schemas |= {"FlagPatch": _patch(schemas["FlagDraft"]), "FlagSetPatch": _patch(schemas["FlagSetDraft"])}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Burgee", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": base_path or "/"}],
        "paths": paths | EVALUATION_PATHS,
        "components": {
            "schemas": schemas | EVALUATION_SCHEMAS,
            "responses": _problem_responses(),
            "securitySchemes": {
                "bearerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "burgee-session"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def encoded_document(operations: Sequence[Operation], *, base_path: str = "") -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(openapi_document(operations, base_path=base_path))


def _types(operations: Sequence[Operation]) -> list[Any]:
    schemas: list[Any] = [Problem]
    for operation in operations:
        schemas += [reply.schema for reply in operation.replies]
        schemas += [operation.payload.schema] if operation.payload else []
        schemas += [operation.dialect.error_schema] if operation.dialect else []
    return list(dict.fromkeys(each for each in schemas if isinstance(each, type)))


def _operation(operation: Operation, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    responses = {str(reply.status): _reply(reply, known) for reply in operation.replies}
    for status in operation.all_problems():
        responses[str(status)] = _refusal(operation, status, known)
    document: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [parameter.document() for parameter in operation.parameters],
        "responses": dict(sorted(responses.items())),
        "security": _SECURITY if operation.permission is not None else [],
    }
    if operation.permission is not None:
        document["x-burgee-permission"] = operation.permission.value
    if operation.payload is not None:
        document["requestBody"] = _payload(operation.payload, known)
    return document


def _refusal(operation: Operation, status: int, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    if operation.dialect is None:
        return {"$ref": f"#/components/responses/Problem{status}"}
    description = HTTPStatus(status).phrase
    return _reply(Reply(status=status, description=description, schema=operation.dialect.error_schema), known)


def _payload(payload: Payload, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _schema(payload.schema, known)}
    if payload.example is not None:
        content["example"] = payload.example
    return {
        "required": payload.required,
        "content": {name: content for name in payload.media_types if name != ANY},
    }


def _reply(reply: Reply, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {"description": reply.description}
    if reply.headers:
        document["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in reply.headers
        }
    if reply.schema is not None:
        document["content"] = {reply.media_type: {"schema": _schema(reply.schema, known)}}
    return document


def _schema(schema: Any, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    return known[schema] if isinstance(schema, type) else schema


def _allow_read_only(schemas: dict[str, Any]) -> None:
    """What was read may be sent back: name the members that a write ignores."""
    for draft, whole in ((FlagDraft, Flag), (FlagSetDraft, FlagSet)):
        schema, full = schemas[draft.__name__], schemas[whole.__name__]["properties"]
        for name in sorted(read_only_members(whole)):
            ignored = "Read only: ignored in a write."
            schema["properties"][name] = {"description": ignored, **full.get(name, {}), "readOnly": True}


def _patch(draft: dict[str, Any]) -> dict[str, Any]:
    """The schema of a merge patch of `draft`: every member may be null, which resets or removes it."""
    null = {"type": "null"}
    members: dict[str, Any] = {}
    for name, member in draft["properties"].items():
        inner = member.get("additionalProperties")
        nullable = {"additionalProperties": {"anyOf": [inner, null]}} if isinstance(inner, dict) else {}
        schema = member | nullable
        kept = {key: value for key, value in schema.items() if key in ("readOnly", "description")}
        bare = {key: value for key, value in schema.items() if key not in ("default", *kept)}
        members[name] = {**kept, "anyOf": [bare, null]}
    description = "A JSON merge patch (RFC 7396): null resets a member or removes one from an object."
    return {**draft, "title": "", "description": description, "properties": members}


def _problem_responses() -> dict[str, Any]:
    titles: dict[int, list[str]] = {}
    for kind in [*KINDS.values(), INTERNAL]:
        titles.setdefault(kind.status, []).append(f"{kind.title} ({kind.slug})")
    content = {PROBLEM: {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}}
    return {
        f"Problem{status}": {"description": "; ".join(names), "content": content}
        for status, names in sorted(titles.items())
    }
