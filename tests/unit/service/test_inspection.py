"""Inspection: leniency covers faulty rules, never structure and never limits."""

import pytest

from burgee.errors import Fault
from burgee.service import inspection
from burgee.testing.builders import a_flag, a_flag_set
from burgee.testing.workshop import Workshop

RULE = Fault("/targeting/if/0", "unknown-operator", "no such operator")
TOO_DEEP = Fault("/targeting", "too-deep", "deeper than 32")
TOO_MANY = Fault("/targeting", "node-limit", "more than 2000 nodes")
STRUCTURE = Fault("/defaultVariant", "unknown-variant", "no such variant")


@pytest.mark.parametrize(
    ("found", "lenient", "refused"),
    [
        ([], False, []),
        ([RULE], False, [RULE]),
        ([RULE], True, []),
        ([RULE, TOO_DEEP], True, [TOO_DEEP]),
        ([TOO_MANY], True, [TOO_MANY]),
        ([RULE, STRUCTURE], True, [STRUCTURE]),
    ],
)
def test_only_faults_of_the_rule_itself_are_tolerated(
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    found: list[Fault],
    lenient: bool,
    refused: list[Fault],
) -> None:
    monkeypatch.setattr(inspection, "check_flag", lambda *_, **__: tuple(found))
    monkeypatch.setattr(inspection, "lint_flag", lambda *_, **__: ())
    findings = workshop.inspector.flag(a_flag(), a_flag_set(), lenient=lenient)
    assert list(findings.faults) == refused
    tolerated = [] if refused else found
    assert [(each.pointer, each.code) for each in findings.warnings] == [
        (fault.pointer, fault.code) for fault in tolerated
    ]
