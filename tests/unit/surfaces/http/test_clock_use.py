"""Which rules may answer differently later: those for which a 304 must not be given blindly."""

import pytest

from burgee.model.json import JsonValue
from burgee.surfaces.http.clock_use import reads_clock


@pytest.mark.parametrize(
    "rule",
    [
        {"var": "$flagd.timestamp"},
        {"if": [{">": [{"var": "$flagd.timestamp"}, 5]}, "on"]},
        {"var": ["$flagd.timestamp", 0]},
        {"var": "$flagd"},
        {"var": ""},
        {"var": []},
        {"var": {"cat": ["$flagd", ".timestamp"]}},
        {"var": [{"var": "which"}]},
        {"missing": ["a", "$flagd.timestamp"]},
        {"missing": {"merge": []}},
        {"missing_some": [1, ["$flagd.timestamp"]]},
        {"fractional": [["on", {"-": [{"var": "$flagd.timestamp"}, 1]}], ["off", 1]]},
        {"$ref": "anything"},
    ],
)
def test_a_rule_that_can_see_the_time_is_found(rule: JsonValue) -> None:
    assert reads_clock(rule) is True


@pytest.mark.parametrize(
    "rule",
    [
        None,
        {},
        {"var": "email"},
        {"var": ["email", "none"]},
        {"var": "$flagd.flagKey"},
        {"if": [{"in": [{"var": "country"}, ["CA", "US"]]}, "on", "off"]},
        {"fractional": [["on", 50], ["off", 50]]},
        {"missing": ["a", "b"]},
        {"missing_some": [1, ["a", "b"]]},
        {"==": [{"var": "text"}, "$flagd.timestamp"]},
        [1, 2.5, "x", True, None],
    ],
)
def test_a_rule_that_cannot_is_left_alone(rule: JsonValue) -> None:
    assert reads_clock(rule) is False
