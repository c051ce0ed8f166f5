"""Calls of a boto3 client that fail before they are made, as many as a test wants."""

from typing import Any


class FailingCalls:
    """Has the next `left` calls of one operation (`ssm.GetParameter`) fail as if nobody listened.

    `only` narrows that to calls whose body or address holds this text.
    """

    def __init__(self, client: Any, operation: str, *, only: str = "") -> None:
        self.left = 0
        self._only = only
        client.meta.events.register(f"before-call.{operation}", self._fail)

    def _fail(self, params: dict[str, Any], **_: Any) -> None:
        from botocore.exceptions import EndpointConnectionError

        if self.left > 0 and self._only in f"{params['url_path']} {params['body']!r}":
            self.left -= 1
            raise EndpointConnectionError(endpoint_url="nowhere")
