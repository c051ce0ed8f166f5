"""CORS of a real server: its settings, its warnings, and answers that pass from one worker to another."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import running_server

OURS = "https://app.example.com"
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "cors.md"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [1, 3])
def test_every_worker_dresses_every_answer_once(tmp_path: Path, workers: int) -> None:
    environment = {"BURGEE_CORS_ORIGINS": rf"{OURS}, regex:https://\w{{1,3}}\.example\.org"}
    with running_server(tmp_path / "data", workers=workers, environment=environment) as server:
        for number in range(8):
            # Each is a connection of its own: with several workers most writes are forwarded.
            sent = {**server.headers, "Origin": OURS}
            made = httpx.put(f"{server.url}/api/v1/flags/f{number}", json=FLAG, headers=sent)
            denied = httpx.put(f"{server.url}/api/v1/flags/f{number}", json=FLAG, headers={"Origin": OURS})
            large = httpx.post(f"{server.url}/api/v1/flags/f0/restore", content=b"x" * 300_000, headers=sent)
            preflight = httpx.options(f"{server.url}/api/v1/flags/f0", headers=sent)
            assert [each.status_code for each in (made, denied, large, preflight)] == [201, 401, 413, 200]
            for answer in (made, denied, large, preflight):
                assert answer.headers.get_list("access-control-allow-origin") == [OURS]
                assert answer.headers.get_list("access-control-allow-credentials") == ["true"]
                assert answer.headers.get_list("vary") == ["origin"]
        for origin, allowed in (("https://abc.example.org", True), ("https://abcd.example.org", False)):
            found = httpx.get(f"{server.url}/docs", headers={"Origin": origin}).headers
            assert found.get("access-control-allow-origin") == (origin if allowed else None)
        operations = httpx.get(f"{server.ops_url}/healthz", headers={"Origin": OURS}).headers
        assert "access-control-allow-origin" not in operations


def run(tmp_path: Path, origins: str) -> tuple[int, str]:
    """A server that cannot listen, so that it ends by itself once it has read its settings."""
    settings = {
        "BURGEE_DATA": str(tmp_path / "data"),
        "BURGEE_HOST": "192.0.2.1",
        "BURGEE_PUBLIC_KEY": "none",
    }
    done = subprocess.run(
        [sys.executable, "-m", "burgee.entrypoints.server"],
        env={**os.environ, **settings, "BURGEE_CORS_ORIGINS": origins},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_a_server_does_not_start_with_an_unsafe_origin_and_names_it(tmp_path: Path) -> None:
    status, said = run(tmp_path, "https://good.example, *, regex:https://[a-z]*shop\\.com")
    assert status == 1
    assert "BURGEE_CORS_ORIGINS: `*` is refused" in said
    assert "`regex:https://[a-z]*shop\\.com` is refused" in said
    assert "cannot listen" not in said


def test_a_server_warns_of_the_pattern_that_the_guide_shows(tmp_path: Path) -> None:
    pattern = r"regex:^https?://([a-zA-Z0-9-]+\.)*realdevsquad\.com$"
    assert f"`{pattern}`" in GUIDE.read_text(encoding="utf-8")
    _, said = run(tmp_path, pattern)
    assert "every page on *.realdevsquad.com" in said
    assert "whoever is on the network path" in said
    assert "cannot listen" in said
