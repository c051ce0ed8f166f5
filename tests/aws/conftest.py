"""Emulators of AWS, one of each a session and emptied between tests: moto, and dynalite from npm."""

import os
import urllib.request
from collections.abc import Iterator

import pytest

from burgee.testing.aws.emulators import (
    ENVIRONMENT,
    MissingEmulatorError,
    drop_tables,
    running_dynalite,
    running_moto,
)


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region that are nobody's, and nothing of what this machine may have."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of a moto server that lives as long as the tests."""
    pytest.importorskip("moto")
    with running_moto() as url:
        yield url


@pytest.fixture
def moto_url(moto_server: str) -> str:
    """The moto server, with nothing in it."""
    request = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=10).close()
    return moto_server


@pytest.fixture(scope="session")
def dynalite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dynalite that lives as long as the tests."""
    try:
        with running_dynalite(tmp_path_factory.mktemp("dynalite")) as url:
            yield url
    except MissingEmulatorError as error:
        pytest.skip(str(error))


@pytest.fixture
def dynalite_url(dynalite_server: str) -> str:
    """The dynalite, without tables."""
    pytest.importorskip("boto3")
    drop_tables(dynalite_server)
    return dynalite_server
