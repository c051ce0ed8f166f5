"""boto3 clients that give up soon: a service that does not answer must not hold up its caller."""

from typing import Any

from burgee.adapters.aws.lean_client import LeanClient, is_lean

CONNECT_SECONDS = 0.5
READ_SECONDS = 0.9
ATTEMPTS = 2


def aws_client(
    service: str,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
    attempts: int = ATTEMPTS,
) -> Any:
    """A client of `service` that makes `attempts`; region, endpoint and credentials are those around it.

    Its retries are those of botocore's legacy mode, whose pause before the second attempt on DynamoDB is
    50 ms at most: a black hole costs less than two seconds.
    """
    if is_lean(service):
        return LeanClient(service, seconds=connect_seconds + read_seconds, attempts=attempts)
    # Only who uses AWS pays the import, some 150 ms of CPU.
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        config=Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"total_max_attempts": attempts, "mode": "legacy"},
            account_id_endpoint_mode="disabled",
        ),
    )
