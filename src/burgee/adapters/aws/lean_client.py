"""DynamoDB and SSM called as boto3 calls them, through the small signed client: for cold starts.

`client.get_item(TableName=..., Key=...)` as with boto3, the same JSON in and out, bytes as bytes. boto3 costs
150 ms of CPU at a start; a function's credentials stand in its environment, and these services speak JSON.
"""

import base64
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.failures import AnsweredError
from burgee.adapters.aws.signed_http import SignedClient, find_place
from burgee.errors import UnavailableError

PROTOCOLS = {"dynamodb": ("DynamoDB_20120810", "1.0"), "ssm": ("AmazonSSM", "1.1")}
"""Services that are called so: the beginning of their targets, and the version of JSON's media type."""


def is_lean(service: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `service` is called so here: on Lambda, where credentials stand in the environment."""
    return service in PROTOCOLS and "AWS_LAMBDA_RUNTIME_API" in environment


class LeanClient:
    """A client of `service`, thread-safe; each call makes up to `attempts` of `seconds` each.

    Raises ConfigurationError without a region.
    """

    def __init__(
        self, service: str, *, seconds: float, attempts: int, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._place = find_place(service, environment)
        self._target, self._version = PROTOCOLS[service]
        self._seconds, self._attempts = seconds, attempts
        self._credentials = CredentialSource(environment)
        self._lock = threading.Lock()
        self._idle: list[SignedClient] = []

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        if operation.startswith("_"):
            raise AttributeError(operation)
        name = "".join(part.capitalize() for part in operation.split("_"))

        def call(**request: Any) -> dict[str, Any]:
            return self._call(name, request)

        return call

    def close(self) -> None:
        """Close the connections that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _call(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "content-type": f"application/x-amz-json-{self._version}",
            "x-amz-target": f"{self._target}.{name}",
        }
        body = msgspec.json.encode(request)  # bytes become base64, as DynamoDB has them
        for attempt in range(self._attempts):
            with self._lock:
                client = self._idle.pop() if self._idle else None
            if client is None:
                client = SignedClient(self._place, self._credentials)
            try:
                answer = client.send(
                    "POST",
                    "/",
                    headers=headers,
                    body=body,
                    deadline_seconds=self._seconds,
                    attempts=1,
                    call=name,
                )
            except UnavailableError:
                if attempt + 1 == self._attempts:
                    raise
                continue
            finally:
                with self._lock:
                    self._idle.append(client)
            return _read(answer.status, answer.body, retries=attempt)
        raise UnavailableError(f"{self._place.service} was not asked")


def _read(status: int, body: bytes, *, retries: int) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UnavailableError(f"the service answered {status} with what is no JSON") from error
    if status == 200:
        if b'"B"' in body or b'"BS"' in body:
            content = _with_bytes(content)
        return content
    raise AnsweredError(
        {
            "Error": {
                "Code": str(content.get("__type", "")).rpartition("#")[2],
                "Message": str(content.get("message") or content.get("Message") or ""),
            },
            "CancellationReasons": content.get("CancellationReasons") or (),
            "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries},
        }
    )


def _with_bytes(value: Any) -> Any:
    """`value` with its binary attributes as bytes."""
    if isinstance(value, list):
        return [_with_bytes(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        match value:
            case {"B": str(text)}:
                return {"B": base64.b64decode(text)}
            case {"BS": list(texts)}:
                return {"BS": [base64.b64decode(text) for text in texts]}
    return {name: _with_bytes(each) for name, each in value.items()}
