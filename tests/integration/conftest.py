"""Servers of the Real-Dev-Squad dialect, one for a file of tests, and one for a test that spoils it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.testing.rds import ORIGINS, RdsClient
from burgee.testing.server import running_server


@pytest.fixture(scope="module")
def rds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RdsClient]:
    """An administrator of a server that other tests use too."""
    yield from _admin(tmp_path_factory.mktemp("rds") / "data")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RdsClient]:
    """The same with the source's old answers."""
    yield from _admin(tmp_path_factory.mktemp("strict") / "data", strict="true")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RdsClient]:
    """An administrator of a server with nothing in it."""
    yield from _admin(tmp_path / "data")


def _admin(data: Path, *, strict: str = "false") -> Iterator[RdsClient]:
    environment = {"BURGEE_CORS_ORIGINS": ORIGINS, "BURGEE_RDS_STRICT_COMPAT": strict}
    with running_server(data, environment=environment) as server:
        yield RdsClient(server)
