"""The first administrator of a stage, from its deployment on: a key, a one-time link, a token, a flag."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.aws
for _name in ("boto3", "moto", "mangum", "awslambdaric"):
    pytest.importorskip(_name)

from burgee.testing.aws.deployment import Deployment  # noqa: E402
from burgee.testing.aws.template import read_template  # noqa: E402
from infra import access, keys  # noqa: E402

TEMPLATE = read_template()
PUBLIC = TEMPLATE.parameters["PublicKeyParameterName"]
PAGE = (Path(__file__).parents[2] / "docs" / "start" / "lambda.md").read_text()
COMMAND = [
    "flags",
    "set",
    "new-checkout",
    "--variant",
    "on=true",
    "--variant",
    "off=false",
    "--default",
    "on",
]


class Functions:
    """Lambda's API as far as the scripts use it: the functions of the deployment answer."""

    class exceptions:
        class TooManyRequestsException(Exception):
            """The function has no concurrency."""

    def __init__(self, stage: Deployment) -> None:
        self._stage = stage

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        (logical,) = [each for each in TEMPLATE.functions if TEMPLATE.name(each) == FunctionName]
        answered = self._stage.functions[logical].invoke(json.loads(Payload))
        assert not answered.is_error, answered
        return {"Payload": io.BytesIO(json.dumps(answered.payload).encode())}


@pytest.fixture(scope="module")
def stage() -> Iterator[Deployment]:
    with Deployment(TEMPLATE, settings={"BURGEE_SNAPSHOT_REFRESH_SECONDS": "0.5"}) as deployment:
        keys.ensure_keys(deployment.client, "test", PUBLIC, None)
        yield deployment


@pytest.fixture
def clients(stage: Deployment) -> Callable[[str], Any]:
    return lambda service: Functions(stage) if service == "lambda" else stage.client(service)


@pytest.fixture
def outputs(stage: Deployment) -> dict[str, str]:
    return {"Url": stage.url, "ManageFunctionName": TEMPLATE.name("ManageFunction")}


@pytest.fixture
def browser(stage: Deployment) -> Iterator[httpx.Client]:
    host = stage.url.partition("//")[2].partition("/")[0]
    headers = {"Origin": f"https://{host}", "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        yield client


def test_the_link_signs_one_browser_in_once(
    stage: Deployment, clients: Callable[[str], Any], outputs: dict[str, str], browser: httpx.Client
) -> None:
    link = access.sign_in_link(clients, outputs)
    page = browser.get(link)
    assert page.status_code == 200
    (action,) = re.findall(r'action="([^"]+)"', page.text)
    (code,) = re.findall(r'name="code" value="([^"]+)"', page.text)
    target = str(httpx.URL(link).join(action))
    assert target == f"{stage.url}/sign-in"
    signed_in = browser.post(target, data={"code": code})
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/test/docs")
    cookie = signed_in.headers["set-cookie"]
    assert cookie.startswith("__Host-burgee-session=")
    # A browser would keep it: the address of a stage is https.
    session = {"Cookie": cookie.partition(";")[0]}
    assert browser.get(f"{stage.url}/api/v1/whoami", headers=session).json()["role"] == "admin"
    again = browser.post(target, data={"code": code})
    assert again.status_code == 401


def test_every_address_in_a_page_is_below_the_stage_and_answers(
    stage: Deployment, browser: httpx.Client
) -> None:
    page = browser.get(f"{stage.url}/docs")
    assert page.status_code == 200
    found = set(re.findall(r'(?:href|src)="(/[^"]*)"', page.text))
    assert found == {"/test/docs/style.css", "/test/docs/try.js", "/test/openapi.json"}
    for address in found:
        assert browser.get(str(httpx.URL(stage.url).join(address))).status_code == 200
    forms = re.findall(r'data-path="([^"]*)"', page.text)
    assert forms
    assert all(path.startswith("/test/api/v1/") for path in forms)
    assert browser.get(f"{stage.url}/openapi.json").json()["servers"] == [{"url": "/test"}]


def test_a_token_for_the_command_line_writes_evaluates_and_resets(
    stage: Deployment, clients: Callable[[str], Any], outputs: dict[str, str]
) -> None:
    token = access.token(clients, outputs, role="admin", seconds=60)
    headers = {"Authorization": f"Bearer {token}"}
    burgee(stage, token, *COMMAND)
    sdk_key = burgee(stage, token, "keys", "create", "--name", "shop").strip()
    stage.pump()
    with httpx.Client(base_url=stage.url, headers=headers, timeout=60, trust_env=False) as ada:
        asked = {"context": {"targetingKey": "user-1"}}
        only_evaluates = {"Authorization": f"Bearer {sdk_key}"}
        assert ada.get("/api/v1/flags", headers=only_evaluates).status_code == 403
        answer = ada.post("/ofrep/v1/evaluate/flags/new-checkout", json=asked, headers=only_evaluates)
        assert answer.json() == ada.post("/ofrep/v1/evaluate/flags/new-checkout", json=asked).json()
        assert answer.json() == {
            "key": "new-checkout",
            "reason": "STATIC",
            "variant": "on",
            "value": True,
            "metadata": {},
        }
        assert ada.post("/reset-limit", json={"pendingLimit": 1000}).status_code == 200
        text = ada.get("/api/v1/audit?limit=50").text
    assert '"actor":"lambda:invoke"' in text
    assert "token.issued" in text
    assert token not in text


def burgee(stage: Deployment, token: str, *command: str) -> str:
    """What a command of docs/start/lambda.md prints."""
    assert " ".join((".venv/bin/burgee", *command)) in PAGE
    done = subprocess.run(
        [sys.executable, "-m", "burgee", *command],
        env={**os.environ, "BURGEE_URL": stage.url, "BURGEE_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"burgee": "everything"}, "must be sign-in or token"),
        ({"burgee": "token", "role": "god"}, "allowed values of role"),
        ({"burgee": "token", "subject": "", "ttlSeconds": 60}, "subject"),
        ({"burgee": "token", "subject": "a", "ttlSeconds": "60"}, "ttlSeconds"),
        ({"burgee": "token", "subject": "a", "ttlSeconds": 0}, "lives"),
    ],
)
def test_what_an_operator_asks_wrongly_is_said(stage: Deployment, event: dict[str, Any], words: str) -> None:
    answered = stage.functions["ManageFunction"].invoke(event)
    assert isinstance(answered.payload, dict)
    assert answered.payload["statusCode"] == 400
    assert words in str(answered.payload["message"])


def test_no_request_through_the_door_is_taken_for_an_operator(stage: Deployment) -> None:
    answer = httpx.post(f"{stage.url}/", json={"burgee": "sign-in"}, timeout=60, trust_env=False)
    assert answer.status_code in (404, 405)
    assert "code" not in answer.json()


def test_without_a_signing_key_there_is_no_code_that_nobody_could_redeem(
    stage: Deployment, clients: Callable[[str], Any], outputs: dict[str, str]
) -> None:
    ssm, name = stage.client("ssm"), keys.signing_name("test")
    pem = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    stage.functions["ManageFunction"].retire()  # a new sandbox has read no key yet
    try:
        with pytest.raises(access.NoAccessError, match="no key to sign"):
            access.sign_in_link(clients, outputs)
    finally:
        ssm.put_parameter(Name=name, Type="SecureString", Value=pem)
