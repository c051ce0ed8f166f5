"""flagd's evaluation scenarios, run straight on the engine, with fractional v2 and v3."""

import time
from pathlib import Path

import pytest

from burgee.engine.program import Program, compile_program
from burgee.model.flag_set import FractionalGeneration
from burgee.model.resolution import Resolution
from burgee.testing.testbed import Case, cases, snapshots

INJECTED = {"injectedmetadata": "set"}
LEAST = {"v2": 130, "v3": 230}


def programs(directory: Path, generation: str) -> dict[str, Program]:
    return {
        source: compile_program(snapshot, fractional=FractionalGeneration(generation), clock=time.time)
        for source, snapshot in snapshots(directory / "flagd-testbed" / "flags").items()
    }


def differences(case: Case, resolution: Resolution) -> list[str]:
    """What a caller with the case's code default would see that the scenario does not say."""
    code_default = resolution.error_code is not None or resolution.variant is None
    value = case.default if code_default else resolution.value
    seen = {
        "value": value,
        "reason": resolution.reason.value,
        "error-code": resolution.error_code.value if resolution.error_code else "",
    }
    wrong = [
        f"{aspect}: {seen[aspect]!r}, not {expected!r}"
        for aspect, expected in case.expected.items()
        if aspect != "metadata" and (seen[aspect] != expected or type(seen[aspect]) is not type(expected))
    ]
    if "metadata" in case.expected:
        wanted = case.expected["metadata"]
        held = (
            {name: resolution.metadata.get(name) for name in wanted}
            if wanted
            else resolution.metadata or None
        )
        if held != wanted:
            wrong.append(f"metadata: {resolution.metadata!r}, not {wanted!r}")
    return wrong


@pytest.mark.parametrize("generation", ["v2", "v3"])
def test_every_evaluation_scenario_holds_on_the_engine(conformance_dir: Path, generation: str) -> None:
    by_source = programs(conformance_dir, generation)
    gherkin = conformance_dir / "flagd-testbed" / "gherkin"
    wrong: list[str] = []
    found = cases(gherkin, generation=generation)
    for case in found:
        program = by_source[case.selector or "flags/allFlags.json"]
        wrong += [
            f"{case.name}: {line}" for line in differences(case, program.evaluate(case.key, case.context))
        ]
    print(f"fractional {generation}: {len(found)} scenarios")
    assert wrong == []
    assert len(found) >= LEAST[generation], "scenarios went missing from the reader"


def test_a_case_that_is_wrong_is_noticed(conformance_dir: Path) -> None:
    program = programs(conformance_dir, "v2")["flags/allFlags.json"]
    case = next(
        case
        for case in cases(conformance_dir / "flagd-testbed" / "gherkin", generation="v2")
        if case.key == "string-flag"
    )
    assert differences(case, program.evaluate("boolean-flag", {})) != []
