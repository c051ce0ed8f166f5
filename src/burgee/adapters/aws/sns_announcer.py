"""Announcements of snapshots on an SNS topic, through the small signed client."""

from collections.abc import Mapping

import msgspec

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.signed_http import SignedClient, find_place
from burgee.adapters.aws.signing import quoted
from burgee.errors import UnavailableError
from burgee.ports.snapshots import Announcement


class SnsAnnouncer:
    """Tells the topic `arn`; the flag set is an attribute too, so that a subscription can filter by it."""

    def __init__(
        self, environment: Mapping[str, str], arn: str, *, credentials: CredentialSource | None = None
    ) -> None:
        self._arn = arn
        source = credentials or CredentialSource(environment)
        self._client = SignedClient(find_place("sns", environment), source)

    def announce(self, announcement: Announcement) -> None:
        attribute = "MessageAttributes.entry.1."
        form = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": self._arn,
            "Message": msgspec.json.encode(announcement).decode(),
            f"{attribute}Name": "flagSet",
            f"{attribute}Value.DataType": "String",
            f"{attribute}Value.StringValue": announcement.flag_set,
        }
        answer = self._client.send(
            "POST",
            "/",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body="&".join(f"{name}={quoted(value)}" for name, value in form.items()).encode(),
            deadline_seconds=5.0,
            call="Publish",
        )
        if answer.status != 200:
            raise UnavailableError(f"sns answered {answer.status}")


class NoAnnouncer:
    """Tells nobody, where there is no topic."""

    def announce(self, announcement: Announcement) -> None:
        """Nothing."""
