"""The management function behind each kind of front: real handlers, real HTTP, a frozen process between."""

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from burgee.testing.aws.api_front import ApiFront
from burgee.testing.aws.front_events import Kind, Route
from burgee.testing.aws.lambda_function import LambdaFunction

pytestmark = pytest.mark.aws
pytest.importorskip("awslambdaric")
pytest.importorskip("mangum")

ORIGIN = "https://app.example.com"
MakeManage = Callable[..., LambdaFunction]
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
CORS_5XX = {
    "DEFAULT_5XX": {
        "responseParameters": {
            "gatewayresponse.header.Access-Control-Allow-Origin": "method.request.header.Origin"
        }
    }
}


@pytest.fixture(scope="module")
def manage(make_manage: MakeManage) -> LambdaFunction:
    """One function for all the fronts of this file."""
    return make_manage()


@pytest.fixture(scope="module", params=list(Kind), ids=lambda kind: kind.name.lower())
def client(
    request: pytest.FixtureRequest, manage: LambdaFunction, authorization: dict[str, str]
) -> Iterator[httpx.Client]:
    """An administrator who calls through each kind of front."""
    with (
        ApiFront([Route("ANY", "/{proxy+}", manage)], kind=request.param) as front,
        httpx.Client(base_url=front.url, headers=authorization, trust_env=False, timeout=15) as calling,
    ):
        yield calling


def test_a_flag_is_created_read_changed_and_deleted(client: httpx.Client) -> None:
    key = f"banner-{uuid.uuid4().hex}"
    address = f"/api/v1/flags/{key}"
    created = client.put(address, json=FLAG, headers={"If-None-Match": "*"})
    assert created.status_code == 201, created.text
    assert created.headers["location"] == f"/api/v1/flag-sets/default/flags/{key}"
    assert client.get(address).json()["version"] == 1
    changed = client.patch(
        address,
        content=json.dumps({"status": "DISABLED"}),
        headers={"If-Match": created.headers["etag"], "Content-Type": "application/merge-patch+json"},
    )
    assert changed.json()["status"] == "DISABLED"
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_a_subject_with_a_slash_keeps_it_where_the_front_does(client: httpx.Client) -> None:
    client.put("/api/v1/flags/slashes", json=FLAG)
    answer = client.put("/api/v1/flags/slashes/overrides/a%2Fb", json={"variant": "off", "reason": "x"})
    assert answer.status_code in (200, 201, 404)
    if answer.status_code != 404:  # an HTTP API decodes the address before anybody can know
        assert answer.json()["targetingKey"] == "a/b"
    client.delete("/api/v1/flags/slashes")


def test_the_query_reaches_the_application(client: httpx.Client) -> None:
    assert client.get("/api/v1/flags?limit=1").status_code == 200
    assert client.get("/api/v1/flags?limit=0").status_code == 400


def test_whoever_is_nobody_gets_a_problem(client: httpx.Client) -> None:
    answer = client.get("/api/v1/flags", headers={"Authorization": ""})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"{", b"[" * 100])
def test_whatever_is_sent_is_no_error_of_ours(client: httpx.Client, body: bytes) -> None:
    assert (
        client.put("/api/v1/flags/x", content=body, headers={"Content-Type": "application/json"}).status_code
        == 400
    )


@pytest.mark.parametrize(("more", "status"), [(0, 400), (1, 413)])
def test_a_body_has_the_limit_that_the_server_has(client: httpx.Client, more: int, status: int) -> None:
    body = b" " * (256 * 1024 + more)
    answer = client.put("/api/v1/flags/x", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_an_address_that_is_too_long_is_refused(client: httpx.Client) -> None:
    assert client.get("/api/v1/flags?x=" + "y" * 4100).status_code == 414


def test_headers_that_are_too_long_are_refused(client: httpx.Client) -> None:
    assert client.get("/api/v1/flags", headers={"X-Own": "y" * 17_000}).status_code == 431


def test_a_page_of_an_allowed_origin_may_call(client: httpx.Client) -> None:
    answer = client.get("/api/v1/flags", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    preflight = client.options(
        "/api/v1/flags", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
    )
    assert preflight.status_code == 200


def test_the_dialects_are_there(client: httpx.Client) -> None:
    name = f"n-{uuid.uuid4().hex}"
    made = client.post("/feature-flags", json={"Name": f"rds-{name}", "Description": "d", "UserId": "u"})
    assert made.status_code == 201, made.text
    assert client.get("/feature-flags").status_code == 200
    hatton = client.post("/feature-flag", json={"flagName": name, "currentVariation": False})
    assert hatton.status_code in (200, 201), hatton.text
    assert client.get("/docs").status_code == 200


def test_reserved_concurrency_0_is_a_json_error_with_cors_headers(make_manage: MakeManage) -> None:
    function = make_manage(reserved=lambda: 0)
    with ApiFront([Route("ANY", "/{proxy+}", function)], responses=CORS_5XX) as front:
        answer = httpx.get(f"{front.url}/api/v1/flags", headers={"Origin": ORIGIN}, trust_env=False)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_a_used_up_budget_is_429_json_from_the_application(
    make_manage: MakeManage, authorization: dict[str, str]
) -> None:
    function = make_manage({"BURGEE_BUDGET_LIMIT": "2", "BURGEE_BUDGET_WINDOW": "none"})
    with ApiFront([Route("ANY", "/{proxy+}", function)]) as front:
        headers = {**authorization, "Origin": ORIGIN}
        found = [httpx.get(f"{front.url}/api/v1/flags", headers=headers, trust_env=False) for _ in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert found[2].headers["content-type"] == "application/problem+json"
    assert found[2].headers["access-control-allow-origin"] == ORIGIN
    assert found[2].headers["retry-after"]
    assert '"Refused":1' in function.log
    assert function.log.count('"Admitted":1') == 2


def test_settings_that_are_wrong_are_an_error_of_initialisation_that_no_client_sees(
    make_manage: MakeManage,
) -> None:
    function = make_manage({"BURGEE_BUDGET_LIMIT": "none"})
    with ApiFront([Route("ANY", "/{proxy+}", function)]) as front:
        answer = httpx.get(f"{front.url}/api/v1/flags", trust_env=False)
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})
    assert "BURGEE_BUDGET_LIMIT" in function.log


def test_a_process_that_is_killed_loses_nothing_that_was_answered(
    make_manage: MakeManage, authorization: dict[str, str]
) -> None:
    function = make_manage()
    with ApiFront([Route("ANY", "/{proxy+}", function)]) as front:
        address = f"{front.url}/api/v1/flags/kept"
        assert httpx.put(address, json=FLAG, headers=authorization, trust_env=False).status_code == 201
        os.kill(function.sandboxes()[0].pid, signal.SIGKILL)
        time.sleep(0.2)
        assert httpx.get(address, headers=authorization, trust_env=False).json()["version"] == 1
    assert function.cold_starts == 2


def test_no_metric_or_log_line_holds_a_token_or_a_body(client: httpx.Client, manage: LambdaFunction) -> None:
    client.put("/api/v1/flags/secretive", json={**FLAG, "description": "the secret of the body"})
    assert "the secret" not in manage.log
    assert str(client.headers["Authorization"])[7:30] not in manage.log
