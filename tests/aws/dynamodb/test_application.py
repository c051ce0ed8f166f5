"""The whole application on DynamoDB: a real server, over HTTP, after a restart, on a source's tables."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.testing.aws.emulators import ENVIRONMENT  # noqa: E402
from burgee.testing.aws.lossy_proxy import LossyProxy  # noqa: E402
from burgee.testing.aws.source_items import a_source_flag, a_source_mapping  # noqa: E402
from burgee.testing.server import Server, running_server, token  # noqa: E402

pytestmark = pytest.mark.aws

FLAG_ID = "5fa5f0d5-9f0e-4a38-8f21-0d1b7f1a2c3d"


@pytest.fixture
def environment(serial_moto: str, client: DynamoClient) -> dict[str, str]:
    return {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": serial_moto, "BURGEE_STORE": "dynamodb"}


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", environment=environment) as server:
        server.token = token(tmp_path / "data")
        yield server


def evaluated(server: Server, key: str, subject: str) -> Any:
    with server.client(timeout=30.0) as http:
        body = {"context": {"targetingKey": subject}}
        return http.post(f"/ofrep/v1/evaluate/flags/{key}", json=body).json()


def test_a_flag_is_made_overridden_evaluated_and_audited_over_http(
    server: Server, environment: dict[str, str], tmp_path: Path
) -> None:
    content = {"name": "Dark mode", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    with server.client(timeout=30.0) as http:
        made = http.put("/api/v1/flags/dark-mode", json=content)
        assert made.status_code == 201, made.text
        pinned = http.put("/api/v1/flags/dark-mode/overrides/ada", json={"variant": "on", "reason": "beta"})
        assert pinned.status_code in {200, 201}, pinned.text
        assert evaluated(server, "dark-mode", "ada")["value"] is True
        assert evaluated(server, "dark-mode", "bob")["value"] is False
        again = http.put("/api/v1/flags/dark-mode", json={**content, "defaultVariant": "on"})
        assert again.status_code == 200, again.text
        assert evaluated(server, "dark-mode", "bob")["value"] is True
        assert [step["version"] for step in http.get("/api/v1/flags/dark-mode/history").json()["items"]] == [
            2,
            1,
        ]
        verified = http.get("/api/v1/audit/verify").json()
        assert verified["ok"] is True, verified
        actions = [event["action"] for event in http.get("/api/v1/audit").json()["items"]]
        assert [each for each in actions if each.startswith(("flag.", "override."))] == [
            "flag.updated",
            "override.created",
            "flag.created",
        ]
    server.stop()
    with running_server(tmp_path / "data", environment=environment) as other:
        other.token = token(tmp_path / "data")
        assert evaluated(other, "dark-mode", "ada")["value"] is True
        assert evaluated(other, "dark-mode", "bob")["value"] is True


def test_what_a_source_service_has_written_is_served_as_it_stands(
    client: DynamoClient, environment: dict[str, str], tmp_path: Path
) -> None:
    client.call(
        "put_item", TableName="featureFlag", Item=a_source_flag(FLAG_ID, "Dark mode", status="enabled")
    )
    mapping = a_source_mapping("ada", FLAG_ID, status="DISABLED")
    client.call("put_item", TableName="featureFlagUserMapping", Item=mapping)
    with running_server(tmp_path / "data", environment=environment) as server:
        server.token = token(tmp_path / "data")
        with server.client(timeout=30.0) as http:
            flag = http.get(f"/feature-flags/{FLAG_ID}").json()
            assert (flag["name"], flag["status"], flag["createdAt"]) == (
                "Dark mode",
                "ENABLED",
                1_745_400_000,
            )
            assert http.get(f"/users/ada/feature-flags/{FLAG_ID}").json()["status"] == "DISABLED"
        assert evaluated(server, "dark-mode", "bob")["value"] is True
        assert evaluated(server, "dark-mode", "ada")["value"] is False
    # And the source service still reads what it wrote, with every attribute of its own.
    item = client.get("featureFlag", {"id": {"S": FLAG_ID}})
    assert item is not None
    expected = a_source_flag(FLAG_ID, "Dark mode", status="ENABLED")
    assert {name: item[name] for name in expected} == expected


@pytest.mark.parametrize("is_silent", [True, False], ids=["a black hole", "throttling"])
def test_without_dynamodb_writes_are_refused_in_time_and_evaluation_goes_on(
    environment: dict[str, str], tmp_path: Path, serial_moto: str, is_silent: bool
) -> None:
    with LossyProxy.in_front_of(serial_moto) as proxy:
        answer = proxy.answer
        behind = {**environment, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url}
        with running_server(tmp_path / "data", environment=behind) as server:
            server.token = token(tmp_path / "data")
            content = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
            with server.client(timeout=30.0) as http:
                assert http.put("/api/v1/flags/dark-mode", json=content).status_code == 201
                assert evaluated(server, "dark-mode", "ada")["value"] is True
                over = threading.Event()
                if is_silent:
                    proxy.answer = lambda *_: over.wait(60) and None  # type: ignore[method-assign,assignment]
                else:
                    proxy.throttle = True
                started = time.monotonic()
                refused = http.put("/api/v1/flags/dark-mode", json={**content, "defaultVariant": "off"})
                took = time.monotonic() - started
                assert refused.status_code == 503, refused.text
                assert int(refused.headers["Retry-After"]) >= 1
                assert took < 2.5  # two seconds of DynamoDB, and a busy machine
                for _ in range(20):
                    started = time.monotonic()
                    assert evaluated(server, "dark-mode", "ada")["value"] is True
                    assert time.monotonic() - started < 1.0
                proxy.throttle = False
                proxy.answer = answer  # type: ignore[method-assign]
                over.set()
                for _ in range(50):
                    again = http.put("/api/v1/flags/dark-mode", json={**content, "defaultVariant": "off"})
                    if again.status_code == 200:
                        break
                    time.sleep(0.2)
                assert again.status_code == 200, again.text
                assert http.get("/api/v1/audit/verify").json()["ok"] is True
