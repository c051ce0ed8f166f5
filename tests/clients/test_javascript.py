"""The OFREP providers from npm, for servers and for browsers, as they are."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from burgee.testing.server import Server

pytestmark = pytest.mark.clients

SCRIPT = Path(__file__).with_name("ofrep.mjs")
NO_VALUE = "The OFREP response does not match the expected format"
"""What @openfeature/ofrep-provider 0.1.3 says of a 200 without `value`, OFREP's way to spell a code default.

No answer pleases it (null has the wrong type): its callers get their default, and reason ERROR.
"""


@pytest.fixture(scope="session")
def ask(node_modules: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Run the script beside its packages: node looks for modules from the script's own folder."""
    script = Path(shutil.copy(SCRIPT, node_modules))

    def run(question: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            ["node", str(script)], input=json.dumps(question), capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    return run


def differences(scenario: Any, details: dict[str, Any]) -> list[str]:
    """What is not as the scenario says."""
    if details.get("errorMessage") == NO_VALUE and scenario.reason in ("DISABLED", "DEFAULT"):
        details = {**details, "reason": scenario.reason, "errorMessage": ""}
        assert scenario.value == scenario.default
    found = []
    if scenario.value is not None and details.get("value") != scenario.value:
        found.append(f"value {details.get('value')!r}, not {scenario.value!r}")
    if scenario.reason is not None and details.get("reason") != scenario.reason:
        found.append(f"reason {details.get('reason')}, not {scenario.reason}")
    if scenario.error_code is not None and details.get("errorCode") != scenario.error_code:
        found.append(f"error code {details.get('errorCode')}, not {scenario.error_code}")
    metadata = details.get("flagMetadata") or {}
    if scenario.metadata is not None and not scenario.metadata.items() <= metadata.items():
        found.append(f"metadata {metadata}, not {scenario.metadata}")
    if scenario.reason not in (None, "ERROR") and details.get("errorMessage"):
        found.append(f"error {details['errorMessage']}")
    return [f"{scenario.name} [{scenario.key} {scenario.context}]: {each}" for each in found]


@pytest.mark.parametrize("kind", ["server", "web"])
def test_every_scenario_comes_out_as_it_says(
    ask: Callable[[dict[str, Any]], dict[str, Any]],
    server: Server,
    generation: str,
    of_generation: Callable[[str], list[Any]],
    kind: str,
) -> None:
    chosen = of_generation(generation)
    assert len(chosen) >= {"v2": 130, "v3": 240}[generation]
    found = []
    for selector in sorted({each.selector for each in chosen}):
        selected = [each for each in chosen if each.selector == selector]
        questions = [each._asdict() | {"tags": []} for each in selected]
        headers = [["Flagd-Selector", selector]] if selector else []
        answer = ask({"kind": kind, "url": server.url, "headers": headers, "scenarios": questions})
        for each, details in zip(selected, answer["results"], strict=True):
            found += differences(each, details)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", ["server", "web"])
def test_a_patch_is_seen(ask: Callable[[dict[str, Any]], dict[str, Any]], server: Server, kind: str) -> None:
    for variant in ("bar", "foo"):
        patch = {
            "url": f"{server.url}/api/v1/flags/changing-flag",
            "headers": server.headers,
            "key": "changing-flag",
            "variant": variant,
        }
        answer = ask({"kind": kind, "url": server.url, "headers": [], "scenarios": [], "patch": patch})
        assert answer["patched"] == {"status": 200, "value": variant}
