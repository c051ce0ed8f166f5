"""DynamoDB for tests of the stores: a serial moto, tables in it, clients that are patient or not."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from burgee.adapters.dynamodb.client import DynamoClient, dynamodb_client
from burgee.adapters.dynamodb.tables import TableNames, table_requests
from burgee.testing.aws.emulators import ENVIRONMENT


@contextmanager
def running_serial_moto() -> Iterator[str]:
    """The address of a moto that answers one request at a time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "burgee.testing.aws.moto_process"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def emptied(url: str) -> str:
    """The moto at `url`, with nothing in it."""
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
    return url


def patient_client(url: str) -> DynamoClient:
    """A client for whom a busy machine is no outage."""
    return dynamodb_client(endpoint=url, connect_seconds=5, read_seconds=20, total_seconds=60)


def with_tables(
    client: DynamoClient, names: TableNames | None = None, *, streams: bool = True
) -> DynamoClient:
    """`client`, once all tables are there."""
    for request in table_requests(names if names is not None else TableNames(), streams=streams):
        client.call("create_table", **request)
    return client
