"""Clients of the source APIs go on as they are: a script of plain calls against what `make serve` runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from burgee.testing.rds import ORIGIN, ORIGINS, Issuer
from burgee.testing.server import running_server

SCRIPT = Path(__file__).resolve().parents[1] / "clients" / "source_client.py"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("old", [(), ("old",)], ids=["as Burgee answers", "as the source answered"])
@pytest.mark.parametrize(
    ("environment", "cookie"), [("PRODUCTION", "rds-session"), ("DEVELOPMENT", "rds-session-staging")]
)
def test_a_script_that_knows_the_source_only_works_to_its_end(
    tmp_path: Path, old: tuple[str, ...], environment: str, cookie: str
) -> None:
    issuer = Issuer()
    strict = "true" if old else "false"
    settings = {
        "BURGEE_PUBLIC_KEY": issuer.public_pem,
        "BURGEE_CORS_ORIGINS": ORIGINS,
        "BURGEE_RDS_STRICT_COMPAT": strict,
        "BURGEE_HATTON_STRICT_COMPAT": strict,
        "ENVIRONMENT": environment,
    }
    with running_server(tmp_path / "data", environment=settings, command=("burgee", "serve")) as server:
        ran = subprocess.run(
            [sys.executable, "-I", SCRIPT, server.url, f"{cookie}={issuer.token()}", ORIGIN, *old],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("everything is as it was\n")


def test_the_script_notices_what_is_not_as_it_was(tmp_path: Path) -> None:
    issuer = Issuer()
    settings = {"BURGEE_PUBLIC_KEY": issuer.public_pem, "ENVIRONMENT": "PRODUCTION"}
    with running_server(tmp_path / "data", environment=settings, command=("burgee", "serve")) as server:
        cookie = f"rds-session={issuer.token()}"
        ran = subprocess.run(
            [sys.executable, "-I", SCRIPT, server.url, cookie, ORIGIN],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (ran.returncode, ran.stderr.partition(",")[0]) == (1, "not 200")  # no CORS: no preflight
