"""The Lambda function that publishes snapshots: streams of the tables in, objects and announcements out.

Invoked directly it takes `{"flagSet": "web", "allowEmpty": true, "rebuildFilter": true}`, of which all is
optional: without a flag set it publishes every one.
"""

import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.emf import ERRORS, PUBLISH_LAG, Emf
from burgee.adapters.aws.sns_announcer import NoAnnouncer, SnsAnnouncer
from burgee.errors import ConfigurationError, MalformedError
from burgee.formats.stream_records import Trigger, read_record, sequence_number_of
from burgee.ports.snapshots import SnapshotObjects
from burgee.service.published_content import StoredContent
from burgee.service.snapshot_batches import SnapshotBatches
from burgee.service.snapshot_publishing import SnapshotPublisher


class Publishing:
    """One sandbox: everything wired."""

    def __init__(self, content: StoredContent, publisher: SnapshotPublisher, emf: Emf) -> None:
        self._content, self._publisher = content, publisher
        self._batches = SnapshotBatches(publisher, adopt=content.adopt)
        self._emf = emf

    def handle(self, event: Any) -> dict[str, Any]:
        """The answer to one batch of records, or to a direct invocation.

        Raises MalformedError for records without a number to report them by.
        """
        records = event.get("Records") if isinstance(event, dict) else None
        if records is None:
            return self._direct(event)
        triggers: list[Trigger] = []
        poison = ""
        for record in records:
            number = sequence_number_of(record)
            try:
                triggers.append(read_record(record))
            except MalformedError:
                poison = number  # what came before it is worked off; it goes to the queue of failures
                break
        failed = self._batches.work(triggers) or poison
        self._measure(records, is_failed=bool(failed))
        return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}

    def _measure(self, records: list[Any], *, is_failed: bool) -> None:
        """How long the oldest change has waited for its snapshot; what failed waits on."""
        if is_failed:
            self._emf.emit((ERRORS, 1))
            return
        written = [record["dynamodb"].get("ApproximateCreationDateTime") for record in records]
        known = [float(at) for at in written if isinstance(at, int | float)]
        if known:
            # The stream knows whole seconds.
            self._emf.emit((PUBLISH_LAG, max(0, round((time.time() - min(known)) * 1000))))

    def _direct(self, event: Any) -> dict[str, Any]:
        asked = event if isinstance(event, dict) else {}
        flag_set = asked.get("flagSet")
        self._content.adopt()
        published = [
            self._publisher.publish(
                each,
                allow_empty=asked.get("allowEmpty") is True,
                rebuilds_filter=asked.get("rebuildFilter") is True,
            )
            for each in ([flag_set] if isinstance(flag_set, str) else self._content.flag_sets())
        ]
        self._publisher.publish_access()
        return {
            "published": [
                {"flagSet": each.flag_set, "revision": each.revision, "sha256": each.sha256}
                for each in published
                if each is not None
            ]
        }


def open_publishing(environment: Mapping[str, str]) -> Publishing:
    """Everything as `environment` says. Raises ConfigurationError, UnavailableError."""
    content = _content(environment)
    credentials = CredentialSource(environment)
    arn = environment.get("BURGEE_SNAPSHOT_TOPIC_ARN", "")
    publisher = SnapshotPublisher(
        content,
        _objects(environment, credentials),
        SnsAnnouncer(environment, arn, credentials=credentials) if arn else NoAnnouncer(),
        clock=time.time,
        new_seed=lambda: secrets.randbits(32),
    )
    name = environment.get("AWS_LAMBDA_FUNCTION_NAME", "publish_snapshot")
    return Publishing(content, publisher, Emf(name, clock=time.time))


def _content(environment: Mapping[str, str]) -> StoredContent:
    from burgee.adapters.aws.session import aws_client
    from burgee.adapters.dynamodb.budgets import DynamoBudgetStore
    from burgee.adapters.dynamodb.open import open_dynamodb_stores
    from burgee.adapters.dynamodb.source_overrides import SourceOverrides
    from burgee.adapters.dynamodb.tables import TableNames

    of, usual = environment.get, TableNames()
    names = TableNames(
        flags=of("BURGEE_FLAG_TABLE") or usual.flags,
        overrides=of("BURGEE_OVERRIDE_TABLE") or usual.overrides,
        budgets=of("BURGEE_BUDGET_TABLE") or usual.budgets,
        main=of("BURGEE_TABLE") or usual.main,
    )
    stores = open_dynamodb_stores(names, time.time, adopt=False)

    def adopt() -> None:
        stores.flags.adopt()
        SourceOverrides(stores.flags).adopt()

    return StoredContent(
        stores.flags,
        stores.overrides,
        stores.sdk_keys,
        DynamoBudgetStore(aws_client("dynamodb"), names.budgets),
        clock=time.time,
        adopt=adopt,
    )


def _objects(environment: Mapping[str, str], credentials: CredentialSource) -> SnapshotObjects:
    if environment.get("BURGEE_SNAPSHOT_SOURCE", "s3") == "dynamodb":
        from burgee.adapters.aws.dynamodb_calls import open_dynamodb
        from burgee.adapters.aws.dynamodb_snapshots import DynamoObjects

        calls = open_dynamodb(environment, credentials=credentials)
        return DynamoObjects(calls, environment.get("BURGEE_TABLE") or "burgee")
    bucket = environment.get("BURGEE_SNAPSHOT_BUCKET", "")
    if not bucket:
        raise ConfigurationError("BURGEE_SNAPSHOT_BUCKET: the bucket of the snapshots is not named")
    from burgee.adapters.aws.s3_snapshots import open_s3

    prefix = environment.get("BURGEE_SNAPSHOT_PREFIX", "snapshots/")
    return open_s3(environment, bucket=bucket, prefix=prefix, credentials=credentials)


_running: Publishing | None = None


def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Lambda's entry."""
    global _running
    if _running is None:
        _running = open_publishing(os.environ)
    return _running.handle(event)
