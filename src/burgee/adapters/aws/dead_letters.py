"""A queue for what could not be handled, and never will be as it stands."""

from typing import Any

from burgee.adapters.aws.failures import calling

MESSAGE_CHARACTERS = 250_000
"""A message may have 256 KiB; of what is longer the beginning says which record it was."""


class DeadLetterQueue:
    """Sends to the SQS queue at `url` by `client` of boto3."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def bury(self, text: str) -> None:
        """Send one message. Raises UnavailableError."""
        # Quotes and letters beyond ASCII were escaped before: a character is a byte.
        with calling("the dead-letter queue"):
            self._client.send_message(QueueUrl=self._url, MessageBody=text[:MESSAGE_CHARACTERS])
