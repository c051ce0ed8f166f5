"""A moto that answers one request at a time, emptied between tests, with all tables in it."""

from collections.abc import Iterator

import pytest

from burgee.adapters.dynamodb.client import DynamoClient
from burgee.testing.aws.dynamodb_stores import emptied, patient_client, running_serial_moto, with_tables
from burgee.testing.aws.emulators import ENVIRONMENT


@pytest.fixture(scope="session")
def serial_moto_server() -> Iterator[str]:
    pytest.importorskip("moto")
    with running_serial_moto() as url:
        yield url


@pytest.fixture(scope="session")
def serial_moto_client(serial_moto_server: str) -> Iterator[DynamoClient]:
    """To make one takes longer than most tests do."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        client = patient_client(serial_moto_server)
    yield client
    client.close()


@pytest.fixture
def serial_moto(serial_moto_server: str) -> str:
    return emptied(serial_moto_server)


@pytest.fixture
def client(serial_moto: str, serial_moto_client: DynamoClient) -> DynamoClient:
    return with_tables(serial_moto_client, streams=False)


@pytest.fixture
def dynalite_client(dynalite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoClient]:
    """All tables in dynalite, which is quicker than moto and has no transactions."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynalite_url)
    # As on Lambda, where the client is the small one: boto3's takes half a second to be made.
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "none")
    client = patient_client(dynalite_url)
    yield with_tables(client, streams=False)
    client.close()
