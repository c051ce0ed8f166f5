"""A workshop: every use case on a memory store, with a clock that the test moves."""

import pytest

from burgee.testing.workshop import Workshop


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()
