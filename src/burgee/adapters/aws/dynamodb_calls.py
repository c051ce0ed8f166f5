"""The few calls to DynamoDB that evaluation and its snapshots make, through the small signed client."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.signed_http import SignedClient, find_place
from burgee.errors import UnavailableError, VersionConflictError

Item = dict[str, Any]
"""An item in DynamoDB's own JSON: `{"id": {"S": "x"}}`."""

_PAGES = 1_000


class Calls(Protocol):
    """Calls by name. Each may raise UnavailableError, `call` VersionConflictError too."""

    def call(self, name: str, request: Mapping[str, Any], *, deadline_seconds: float = ...) -> Item: ...

    def query(self, request: Mapping[str, Any], *, deadline_seconds: float = ...) -> Iterator[Item]: ...


class DynamoCalls:
    """Calls by name; `call` may be given a deadline in seconds."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def call(self, name: str, request: Mapping[str, Any], *, deadline_seconds: float = 2.0) -> Item:
        """One call. Raises VersionConflictError where a condition fails, UnavailableError."""
        answer = self._client.send(
            "POST",
            "/",
            headers={
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": f"DynamoDB_20120810.{name}",
            },
            body=msgspec.json.encode(request),
            deadline_seconds=deadline_seconds,
            call=name,
        )
        try:
            content = msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise UnavailableError(f"dynamodb answered {answer.status} with what is no JSON") from error
        if answer.status == 200:
            return content
        kind = str(content.get("__type", "")).rpartition("#")[2]
        if kind == "ConditionalCheckFailedException":
            raise VersionConflictError("the item was written by somebody else", current=0)
        raise UnavailableError(f"dynamodb answered {answer.status} {kind}".rstrip())

    def query(self, request: Mapping[str, Any], *, deadline_seconds: float = 2.0) -> Iterator[Item]:
        """Every item of a query, all of its pages, within the deadline."""
        start: Item | None = None
        until = time.monotonic() + deadline_seconds
        for _ in range(_PAGES):
            paged = dict(request) if start is None else {**request, "ExclusiveStartKey": start}
            answer = self.call("Query", paged, deadline_seconds=until - time.monotonic())
            yield from answer.get("Items", ())
            start = answer.get("LastEvaluatedKey")
            if not start:
                return
        raise UnavailableError("a query of DynamoDB does not end")


def open_dynamodb(
    environment: Mapping[str, str],
    *,
    credentials: CredentialSource | None = None,
    client: SignedClient | None = None,
) -> DynamoCalls:
    """Calls as the variables of `environment` say. Raises ConfigurationError."""
    if client is None:
        client = SignedClient(
            find_place("dynamodb", environment), credentials or CredentialSource(environment)
        )
    return DynamoCalls(client)
