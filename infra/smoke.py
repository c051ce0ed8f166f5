"""Tries a deployed stage: `python -m infra.smoke STAGE`, with the token in BURGEE_TOKEN or one of its own.

The verification list of the source systems, step by step: create a flag and see the row, set an override and
read it back, set the limit to 1 and see 429, stop everything and see concurrency 0, reset and see it lifted,
see the logs. With --url instead of a stage only the HTTP part runs, against any server. It stops the service
for some seconds.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

PATIENCE_SECONDS = 30.0
"""How long a change may take to reach evaluation: publishing, and the refresh interval."""
LIMIT = 1000


class SmokeError(Exception):
    """A step that did not go as it should."""


class Answer(NamedTuple):
    """Status, headers by lower-case name, and the body as JSON where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any


class Api:
    """The service over HTTP, as one administrator."""

    def __init__(self, url: str, token: str, *, origin: str = "") -> None:
        self._url, self._token, self._origin = url.rstrip("/"), token, origin

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """One request; refusals are answers too."""
        request = urllib.request.Request(self._url + path, method=method)  # noqa: S310 - the operator's own address
        request.add_header("Authorization", f"Bearer {self._token}")
        if self._origin:
            request.add_header("Origin", self._origin)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return _answer(answer.status, answer.headers.items(), answer.read())
        except urllib.error.HTTPError as refusal:
            return _answer(refusal.code, refusal.headers.items(), refusal.read())

    def expect(self, status: int, method: str, path: str, body: object = None) -> Any:
        """The body of an answer with this status. Raises SmokeError for another one."""
        answer = self.call(method, path, body)
        if answer.status != status:
            raise SmokeError(f"{method} {path} answered {answer.status} instead of {status}: {answer.body}")
        return answer.body


class Stack:
    """What can be seen from inside the account."""

    def __init__(self, outputs: dict[str, str], clients: Callable[[str], Any]) -> None:
        self._outputs, self._clients = outputs, clients

    def flag_row(self, flag_id: str) -> dict[str, Any] | None:
        """The item of a flag."""
        found = self._clients("dynamodb").get_item(
            TableName=self._outputs["FlagTableName"], Key={"id": {"S": flag_id}}, ConsistentRead=True
        )
        item: dict[str, Any] | None = found.get("Item")
        return item

    def concurrency(self) -> list[int | None]:
        """The reserved concurrency of the functions that the brake holds, None where there is none."""
        names = [self._outputs["EvaluateFunctionName"], self._outputs["ManageFunctionName"]]
        answers = [self._clients("lambda").get_function_concurrency(FunctionName=name) for name in names]
        return [answer.get("ReservedConcurrentExecutions") for answer in answers]

    def log_lines(self, *, since: float) -> int:
        """How many lines management has logged since then (Unix seconds); at most one page of them."""
        function = self._clients("lambda").get_function_configuration(
            FunctionName=self._outputs["ManageFunctionName"]
        )
        group = function["LoggingConfig"]["LogGroup"]
        page = self._clients("logs").filter_log_events(
            logGroupName=group, startTime=int(since * 1000), limit=100
        )
        return len(page["events"])


def smoke(
    api: Api, stack: Stack | None, *, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    """All steps. Raises SmokeError at the first that fails; limit and flag are put back all the same."""
    started = time.time()
    name = f"smoke-{uuid.uuid4().hex[:8]}"
    user = f"smoke-user-{uuid.uuid4().hex[:8]}"
    flag_id, is_limited = "", False
    try:
        flag_id = _create(api, stack, name, tell)
        _override(api, flag_id, user, tell)
        _evaluate(api, name, user, tell, sleep)
        is_limited = True
        _trip(api, tell)
        _stop(api, stack, tell, sleep)
    finally:
        if is_limited:
            _reset(api, stack, tell, sleep)
        if flag_id:
            _patiently(
                lambda: api.call("DELETE", f"/users/{user}/feature-flags/{flag_id}").status in (204, 404),
                sleep,
            )
            api.call("DELETE", f"/feature-flags/{flag_id}")
    if stack is not None:
        inside = stack
        _require(
            _patiently(lambda: inside.log_lines(since=started) > 0, sleep), "management has logged nothing"
        )
        tell("the log of management has lines of this run")


def _create(api: Api, stack: Stack | None, name: str, tell: Callable[[str], None]) -> str:
    api.expect(200, "GET", "/health-check")
    tell("the service answers")
    made = api.expect(201, "POST", "/feature-flags", {"name": name, "description": "made by infra/smoke.py"})
    flag_id = str(made["data"]["id"] if "data" in made else made["id"])
    tell(f"a flag was created: {flag_id}")
    if stack is not None:
        row = stack.flag_row(flag_id)
        _require(row is not None and row["name"]["S"] == name, f"the table has no such flag: {row}")
        tell("its row is in the table")
    return flag_id


def _override(api: Api, flag_id: str, user: str, tell: Callable[[str], None]) -> None:
    path = f"/users/{user}/feature-flags/{flag_id}"
    api.expect(200, "POST", path, {"status": "DISABLED"})
    mapping = api.expect(200, "GET", path)
    said = mapping.get("data", mapping)
    _require(said["status"] == "DISABLED" and said["userId"] == user, f"the override reads {said}")
    tell("an override was set and read back")


def _evaluate(
    api: Api, name: str, user: str, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    def value(subject: str) -> object:
        body = {"context": {"targetingKey": subject}}
        answer = api.call("POST", f"/ofrep/v1/evaluate/flags/{name}", body)
        return answer.body.get("value") if answer.status == 200 else answer.status

    _require(
        _patiently(lambda: value("somebody-else") is True, sleep), f"evaluation says {value('somebody-else')}"
    )
    _require(
        _patiently(lambda: value(user) is False, sleep), f"evaluation with the override says {value(user)}"
    )
    tell("evaluation says true, and false for the user with the override")


def _trip(api: Api, tell: Callable[[str], None]) -> None:
    api.expect(200, "POST", "/reset-limit", {"pendingLimit": 1})
    statuses = [api.call("GET", "/feature-flags").status for _ in range(4)]
    _require(statuses[-1] == 429, f"with a limit of 1 four calls were answered {statuses}")
    tell("with a limit of 1 calls are refused with 429")


def _stop(api: Api, stack: Stack | None, tell: Callable[[str], None], sleep: Callable[[float], None]) -> None:
    api.expect(200, "PATCH", "/mark-concurrency-zero", {"reason": "infra/smoke.py"})
    answer = api.call("GET", "/feature-flags")
    _require(answer.status in (429, 503), f"while stopped management answered {answer.status}")
    _require(isinstance(answer.body, dict), f"while stopped management answered no JSON: {answer.body!r}")
    tell(f"while stopped management answers {answer.status} with JSON")
    if stack is not None:
        inside = stack
        _require(
            _patiently(lambda: inside.concurrency() == [0, 0], sleep), f"concurrency is {stack.concurrency()}"
        )
        tell("the concurrency of both functions is 0")


def _reset(
    api: Api, stack: Stack | None, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    api.expect(200, "POST", "/reset-limit", {"pendingLimit": LIMIT})
    if stack is not None:
        inside = stack
        _require(
            _patiently(lambda: 0 not in inside.concurrency(), sleep), f"concurrency is {stack.concurrency()}"
        )
        tell("the concurrency of both functions is lifted")
    served = _patiently(lambda: api.call("GET", "/feature-flags").status == 200, sleep)
    _require(served, "management does not answer again after the reset")
    tell("after the reset management answers again")


def _patiently(holds: Callable[[], bool], sleep: Callable[[float], None]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        sleep(0.5)
    return True


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SmokeError(otherwise)


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    try:
        content: Any = json.loads(body) if body else None
    except ValueError:
        content = body.decode("utf-8", "replace")
    return Answer(status, {name.lower(): value for name, value in headers}, content)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line; ends with 1 where a step fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", nargs="?", help="a deployed stage, looked up in this account and region")
    parser.add_argument("--url", help="a server instead: only the HTTP part runs")
    parser.add_argument("--origin", default="", help="the Origin to send, where the service asks for one")
    said = parser.parse_args(arguments)
    token = os.environ.get("BURGEE_TOKEN", "")
    if bool(said.stage) == bool(said.url) or (said.url and not token):
        parser.error("say a stage, or --url with an administrator's token in BURGEE_TOKEN")
    url, stack = said.url, None
    if said.stage:
        from infra.deploy import DeploymentError, boto3_client, outputs

        from infra import access

        try:
            found = outputs(boto3_client, said.stage)
            token = token or access.token(boto3_client, found, role="admin", seconds=900)
        except (DeploymentError, access.NoAccessError) as error:
            sys.exit(str(error))
        url, stack = found["Url"], Stack(found, boto3_client)
    try:
        smoke(
            Api(url, token, origin=said.origin), stack, tell=lambda step: print("ok ", step), sleep=time.sleep
        )
    except SmokeError as error:
        sys.exit(f"FAILED  {error}")
    print("all of it works")


if __name__ == "__main__":
    main()
