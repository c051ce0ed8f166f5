"""An application in memory, and one client for each kind of caller."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from burgee.bootstrap import open_application
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app


@pytest.fixture
def services() -> Iterator[Services]:
    with open_application(Settings(data=":memory:")) as opened:
        yield opened


@pytest.fixture
def token(services: Services) -> Callable[..., str]:
    """A token of a role, perhaps bound to flag sets."""

    def make(role: str, *flag_sets: str) -> str:
        return services.access.issue_token(f"{role}@example.com", Role(role), 600, flag_sets=flag_sets)

    return make


@pytest.fixture
def client(services: Services) -> TestClient:
    """A client that is nobody."""
    return TestClient(build_app(services), raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def as_role(services: Services, token: Callable[..., str]) -> Callable[..., TestClient]:
    """A client with a token of that role."""

    def make(role: str, *flag_sets: str) -> TestClient:
        headers = {"authorization": f"Bearer {token(role, *flag_sets)}"}
        app = build_app(services)
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return make


@pytest.fixture
def admin(as_role: Callable[..., TestClient]) -> TestClient:
    return as_role("admin")
