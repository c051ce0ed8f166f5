"""What tests in one process share."""

from collections.abc import Iterator
from functools import lru_cache

import pytest

from burgee.adapters.local_key import new_signing_key


@pytest.fixture(scope="session", autouse=True)
def _one_key_for_all_in_memory() -> Iterator[None]:
    """An application without a folder makes a key for itself, which takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("burgee.bootstrap.tokens.new_signing_key", lru_cache(new_signing_key))
        yield
