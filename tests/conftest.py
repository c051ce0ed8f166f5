"""What every test sees: no Burgee settings from the outside, Hypothesis without deadlines.

Where CI is set, Hypothesis tries the same examples each time: a red run is the fault of the change.
Elsewhere each run looks somewhere new.
"""

import os

import pytest
from hypothesis import settings

# Several suites share two cores; how long an example took says nothing about what it proves.
settings.register_profile("burgee", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("burgee")

_KEPT = ("BURGEE_CONFORMANCE_DIR", "_EXAMPLES")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BURGEE_") and not name.endswith(_KEPT):
            monkeypatch.delenv(name)
