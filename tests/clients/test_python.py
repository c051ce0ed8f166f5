"""The OFREP provider from PyPI, as it is, evaluates flagd's testbed as its scenarios say."""

from collections.abc import Callable
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from burgee.testing.server import Server

pytestmark = pytest.mark.clients


def client_of(server: Server, selector: str = "") -> OpenFeatureClient:
    headers = {"Flagd-Selector": selector} if selector else {}
    api.set_provider(OFREPProvider(server.url, headers_factory=lambda: headers), domain=selector or "all")
    return api.get_client(selector or "all")


def evaluate(client: OpenFeatureClient, scenario: Any) -> Any:
    attributes = {name: value for name, value in scenario.context.items() if name != "targetingKey"}
    context = EvaluationContext(scenario.context.get("targetingKey"), attributes)
    method = getattr(client, f"get_{scenario.type.lower()}_details")
    return method(scenario.key, scenario.default, context)


def differences(scenario: Any, details: Any) -> list[str]:
    """What is not as the scenario says."""
    found = []
    if scenario.value is not None and (details.value, type(details.value)) != (
        scenario.value,
        type(scenario.value),
    ):
        found.append(f"value {details.value!r}, not {scenario.value!r}")
    if scenario.reason is not None and details.reason != scenario.reason:
        found.append(f"reason {details.reason}, not {scenario.reason}")
    code = details.error_code.value if details.error_code else None
    if scenario.error_code is not None and code != scenario.error_code:
        found.append(f"error code {code}, not {scenario.error_code}")
    if scenario.metadata is not None and not scenario.metadata.items() <= dict(details.flag_metadata).items():
        found.append(f"metadata {details.flag_metadata}, not {scenario.metadata}")
    if scenario.reason not in (None, "ERROR") and details.error_message:
        found.append(f"error {details.error_message}")
    return [f"{scenario.name} [{scenario.key} {scenario.context}]: {each}" for each in found]


def test_every_scenario_comes_out_as_it_says(
    server: Server, generation: str, of_generation: Callable[[str], list[Any]]
) -> None:
    chosen = of_generation(generation)
    assert len(chosen) >= {"v2": 130, "v3": 240}[generation]
    clients = {selector: client_of(server, selector) for selector in {each.selector for each in chosen}}
    found = [line for each in chosen for line in differences(each, evaluate(clients[each.selector], each))]
    assert not found, "\n".join(found)


def test_a_patch_is_seen_by_the_next_evaluation(server: Server) -> None:
    client = client_of(server)
    with server.client() as management:
        for variant in ("bar", "foo", "bar", "foo"):
            answer = management.patch("/api/v1/flags/changing-flag", json={"defaultVariant": variant})
            assert answer.status_code == 200, answer.text
            assert client.get_string_value("changing-flag", "none") == variant


def test_a_disabled_flag_and_a_missing_default_are_the_callers_own_values_without_error(
    server: Server,
) -> None:
    client = client_of(server)
    for key in ("disabled-string-flag", "no-default-flag-null-targeting-variant"):
        details = client.get_string_details(key, "mine")
        assert (details.value, details.error_code) == ("mine", None)
