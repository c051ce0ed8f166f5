"""A management function that runs for real, and whoever calls it."""

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from burgee.adapters.local_key import new_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.ports import TokenClaims
from burgee.testing.aws.lambda_function import LambdaFunction

HANDLER = "burgee.entrypoints.lambdas.manage.handler"
ORIGIN = "https://app.example.com"

MakeManage = Callable[..., LambdaFunction]


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that signs sessions; all sandboxes of a function have the same."""
    path = tmp_path_factory.mktemp("keys") / "signing.pem"
    path.write_bytes(new_signing_key())
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


@pytest.fixture(scope="session")
def authorization(signing_key: Path) -> dict[str, str]:
    """The headers of an administrator."""
    now = int(time.time())
    claims = TokenClaims(subject="ada", role="admin", issued_at=now, expires_at=now + 3600)
    return {"Authorization": f"Bearer {RsaTokenSigner(signing_key.read_bytes()).sign(claims)}"}


@pytest.fixture(scope="module")
def make_manage(signing_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeManage]:
    """Makes management functions on a SQLite file of their own, and ends them."""
    made: list[LambdaFunction] = []

    def manage(settings: Mapping[str, str] | None = None, **options: object) -> LambdaFunction:
        environment = {
            "BURGEE_DATA": str(tmp_path_factory.mktemp("manage") / "data"),
            "BURGEE_SIGNING_KEY": str(signing_key),
            "BURGEE_CORS_ORIGINS": ORIGIN,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **(settings or {}),
        }
        made.append(LambdaFunction(HANDLER, environment, name="manage", **options))  # type: ignore[arg-type]
        return made[-1]

    yield manage
    for function in made:
        function.close()
