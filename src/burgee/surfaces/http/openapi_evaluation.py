"""The evaluation routes in the OpenAPI document: OFREP 0.3 and its event streams, described by hand.

Their requests and answers belong to a published protocol, not to our types.
"""

from typing import Any

_CONTEXT: dict[str, Any] = {
    "type": "object",
    "description": "An OFREP request.",
    "properties": {
        "context": {
            "type": "object",
            "description": "The evaluation context.",
            "properties": {
                "targetingKey": {"description": "The stable id of the subject, usually a string."}
            },
        }
    },
}
_METADATA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}

EVALUATION_SCHEMAS: dict[str, Any] = {
    "EvaluationRequest": _CONTEXT,
    "EvaluationSuccess": {
        "type": "object",
        "description": "An answer without value means that the caller's code default applies.",
        "properties": {
            "key": {"type": "string"},
            "reason": {"type": "string"},
            "variant": {"type": "string"},
            "value": {},
            "metadata": _METADATA,
        },
        "required": ["key", "reason"],
    },
    "EvaluationFailure": {
        "type": "object",
        "properties": {
            "key": {"type": "string"},
            "errorCode": {
                "enum": [
                    "FLAG_NOT_FOUND",
                    "PARSE_ERROR",
                    "TARGETING_KEY_MISSING",
                    "INVALID_CONTEXT",
                    "TYPE_MISMATCH",
                    "GENERAL",
                ]
            },
            "errorDetails": {"type": "string"},
            "metadata": _METADATA,
        },
        "required": ["errorCode"],
    },
    "EvaluationRefusal": {"type": "object", "properties": {"errorDetails": {"type": "string"}}},
    "BulkEvaluation": {
        "type": "object",
        "properties": {
            "flags": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/EvaluationSuccess"},
                        {"$ref": "#/components/schemas/EvaluationFailure"},
                    ]
                },
            },
            "metadata": _METADATA,
            "eventStreams": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["flags"],
    },
}

_ANY_CALLER: list[dict[str, list[str]]] = [{}, {"bearerToken": []}, {"apiKey": []}]
_SELECTOR = {
    "name": "Flagd-Selector",
    "in": "header",
    "description": "`flagSetId=KEY` or `source=NAME`: only flags of that.",
    "required": False,
    "schema": {"type": "string"},
}
_BODY = {
    "required": False,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/EvaluationRequest"},
            "example": {"context": {"targetingKey": "user-1"}},
        }
    },
}
_ETAG = {"ETag": {"description": "Of definitions, selector and context.", "schema": {"type": "string"}}}


def _answer(description: str, schema: str = "", headers: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description}
    if schema:
        answer["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    if headers:
        answer["headers"] = headers
    return answer


_REFUSALS = {
    "401": _answer("A token is needed.", "EvaluationRefusal"),
    "403": _answer("The token is not for these flags.", "EvaluationRefusal"),
    "429": _answer("Over the budget, or stopped; come back after Retry-After.", "EvaluationRefusal"),
    "413": {"$ref": "#/components/responses/Problem413"},
}


def _stream(operation: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    events = {
        "description": "`refetchEvaluation` events for as long as the client stays.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    refused = {status: _REFUSALS[status] for status in ("401", "403", "429")}
    return {
        "operationId": operation,
        "summary": "Be told when to fetch again",
        "tags": ["evaluation"],
        "parameters": parameters,
        "security": _ANY_CALLER,
        "responses": {
            "200": events,
            "400": _answer("The selector cannot be read.", "EvaluationFailure"),
            **refused,
            "503": _answer("Too many streams; come back after Retry-After.", "EvaluationRefusal"),
        },
    }


EVALUATION_PATHS: dict[str, Any] = {
    "/ofrep/v1/evaluate/flags/{key}": {
        "post": {
            "operationId": "evaluateFlag",
            "summary": "Evaluate one flag (OFREP)",
            "tags": ["evaluation"],
            "parameters": [
                {
                    "name": "key",
                    "in": "path",
                    "description": "The key of the flag.",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1},
                    "example": "banner",
                },
                _SELECTOR,
            ],
            "requestBody": _BODY,
            "security": _ANY_CALLER,
            "responses": {
                "200": _answer("The resolution.", "EvaluationSuccess"),
                "400": _answer("The context or the flag's rule is at fault.", "EvaluationFailure"),
                "404": _answer("There is no such flag.", "EvaluationFailure"),
                **_REFUSALS,
            },
        }
    },
    "/ofrep/v1/evaluate/flags": {
        "post": {
            "operationId": "evaluateFlags",
            "summary": "Evaluate all flags (OFREP)",
            "tags": ["evaluation"],
            "parameters": [
                _SELECTOR,
                {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": "The ETag of the answer that the client has; 304 where it is still right.",
                    "required": False,
                    "schema": {"type": "string"},
                },
                {
                    "name": "flagConfigEtag",
                    "in": "query",
                    "description": "The etag of the event that made the client fetch.",
                    "required": False,
                    "schema": {"type": "string"},
                },
                {
                    "name": "flagConfigLastModified",
                    "in": "query",
                    "description": "The lastModified of that event.",
                    "required": False,
                    "schema": {"type": "string"},
                },
            ],
            "requestBody": _BODY,
            "security": _ANY_CALLER,
            "responses": {
                "200": _answer("All resolutions.", "BulkEvaluation", _ETAG),
                "304": _answer("The client's copy is still right.", headers=_ETAG),
                "400": _answer("The context or selector is at fault.", "EvaluationFailure"),
                **_REFUSALS,
            },
        }
    },
    "/ofrep/v1/sse": {"get": _stream("streamAll", [])},
    "/ofrep/v1/sse/{selector}": {
        "get": _stream(
            "streamSelected",
            [
                {
                    "name": "selector",
                    "in": "path",
                    "description": "As Flagd-Selector.",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1},
                    "example": "flagSetId=default",
                }
            ],
        )
    },
}
