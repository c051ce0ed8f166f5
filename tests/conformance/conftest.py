"""Where other people's test data lies; tests skip with the reason where it does not."""

import os
from pathlib import Path

import pytest

CONFORMANCE = Path(
    os.environ.get(
        "BURGEE_CONFORMANCE_DIR", Path(__file__).resolve().parents[2].parent / "shared" / "conformance"
    )
)


@pytest.fixture(scope="session")
def conformance_dir() -> Path:
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no conformance data at {CONFORMANCE} (set BURGEE_CONFORMANCE_DIR)")
    return CONFORMANCE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.conformance)
