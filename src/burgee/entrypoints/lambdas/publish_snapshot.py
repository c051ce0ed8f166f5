"""The Lambda function that publishes snapshots: streams of the tables in, objects and announcements out.

Invoked directly it takes `{"flagSet": "web", "allowEmpty": true, "rebuildFilter": true}`, of which all is
optional: without a flag set it publishes every one.
"""

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.emf import DEAD_LETTERS, ERRORS, PUBLISH_LAG, Emf
from burgee.adapters.aws.sns_announcer import NoAnnouncer, SnsAnnouncer
from burgee.errors import ConfigurationError, MalformedError, UnavailableError
from burgee.formats.stream_records import Trigger, read_record, sequence_number_of
from burgee.ports.snapshots import SnapshotObjects
from burgee.service.published_content import StoredContent
from burgee.service.snapshot_batches import SnapshotBatches
from burgee.service.snapshot_publishing import SnapshotPublisher

QUEUE = "BURGEE_DEAD_LETTER_QUEUE_URL"

_log = logging.getLogger("burgee.snapshot")


class Publishing:
    """One sandbox: everything wired. `bury` takes the text of a record that nobody will ever understand.

    It raises UnavailableError; without it such a record is reported as failed.
    """

    def __init__(
        self,
        content: StoredContent,
        publisher: SnapshotPublisher,
        emf: Emf,
        bury: Callable[[str], None] | None = None,
    ) -> None:
        self._content, self._publisher, self._bury = content, publisher, bury
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
        stopped_at, buried = "", 0
        for record in records:
            number = sequence_number_of(record)
            try:
                triggers.append(read_record(record))
            except MalformedError as error:
                # Left to Lambda, it would take all good records behind it along into the queue of failures.
                if not self._buried(record, str(error)):
                    stopped_at = number
                    break
                buried += 1
        failed = self._batches.work(triggers) or stopped_at
        self._measure(records, is_failed=bool(failed), buried=buried)
        return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}

    def _buried(self, record: Any, problem: str) -> bool:
        """Whether a record that will never be understood is in the queue, for somebody to look at."""
        _log.error("snapshot.not_sound", extra={"problem": problem, "record": sequence_number_of(record)})
        if self._bury is None:
            return False
        try:
            self._bury(json.dumps({"problem": problem, "record": record}, default=str))
        except UnavailableError as error:
            _log.warning("snapshot.not_buried", extra={"problem": str(error)})
            return False
        return True

    def _measure(self, records: list[Any], *, is_failed: bool, buried: int) -> None:
        """How long the oldest change has waited for its snapshot; what failed waits on."""
        if buried:
            self._emf.emit((DEAD_LETTERS, buried))
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
    return Publishing(content, publisher, Emf(name, clock=time.time), _queue(environment))


def _queue(environment: Mapping[str, str]) -> Callable[[str], None] | None:
    url = environment.get(QUEUE, "")
    if not url:
        return None

    def bury(text: str) -> None:
        # Imported for the one record in a lifetime that needs it: this start has no boto3.
        from burgee.adapters.aws.dead_letters import DeadLetterQueue
        from burgee.adapters.aws.session import aws_client

        DeadLetterQueue(aws_client("sqs"), url).bury(text)

    return bury


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
