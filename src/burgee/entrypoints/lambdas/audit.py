"""The audit function: audit events from the stream of the main table to Firehose, which keeps them in S3."""

import os
import random
import time
from collections.abc import Mapping
from typing import Any

from burgee.adapters.aws.audit_stream import AuditStream
from burgee.adapters.aws.dead_letters import DeadLetterQueue
from burgee.adapters.aws.emf import Emf
from burgee.adapters.aws.firehose import FirehoseLines
from burgee.adapters.aws.session import aws_client
from burgee.errors import ConfigurationError

STREAM = "BURGEE_AUDIT_STREAM"
DEAD_LETTERS = "BURGEE_DEAD_LETTER_QUEUE_URL"


def open_stream(environment: Mapping[str, str]) -> AuditStream:
    """The stream that `environment` names.

    Raises ConfigurationError where a variable is missing.
    """
    missing = [name for name in (STREAM, DEAD_LETTERS) if not environment.get(name)]
    if missing:
        raise ConfigurationError("\n".join(f"{name}: it is not set" for name in missing))
    firehose = aws_client("firehose", connect_seconds=1.0, read_seconds=5.0)
    return AuditStream(
        FirehoseLines(firehose, environment[STREAM], dice=random.random),
        DeadLetterQueue(aws_client("sqs"), environment[DEAD_LETTERS]).bury,
        Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "audit"), clock=time.time),
    )


_stream: AuditStream | None = open_stream(os.environ) if "AWS_LAMBDA_RUNTIME_API" in os.environ else None


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """What Lambda calls."""
    global _stream
    if _stream is None:
        _stream = open_stream(os.environ)
    return _stream.handle(event)
