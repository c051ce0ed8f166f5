"""The limiter function on moto: over HTTP in the words of the source, invoked directly, and when things fail.

With it the rows of source-systems.md, section 6, that concern reserved concurrency.
"""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

for _name in ("boto3", "mangum"):
    pytest.importorskip(_name)

from burgee.bootstrap import open_application  # noqa: E402
from burgee.entrypoints.lambdas import limiter as entry  # noqa: E402
from burgee.entrypoints.lambdas.limiter import ACTOR, Limiter  # noqa: E402
from burgee.errors import ConfigurationError, PartlyDoneError, TooManyRequestsError  # noqa: E402
from burgee.ports import AuditQuery  # noqa: E402
from burgee.settings import Settings  # noqa: E402
from burgee.testing.aws.emulators import black_hole, client_of, create_tables  # noqa: E402
from burgee.testing.aws.functions import concurrency_of, create_functions  # noqa: E402
from burgee.testing.token_workshop import public_pem_of, signed  # noqa: E402

pytestmark = pytest.mark.aws

RESET, STOP = "/reset-limit", "/mark-concurrency-zero"
RESET_DONE = "Successfully updated concurrency limit"
STOP_DONE = "Changed the reserved concurrency of the lambda function GetFeatureFlagFunction"
KEY_NAME = "PROD_RDS_BACKEND_PUBLIC_KEY"
NAMES = ("manage", "evaluate", "limiter")


class Context:
    """What Lambda passes beside the event."""

    aws_request_id = "request-7"


class Stage:
    """A stage of the service on moto: its table, its functions, its key; and the limiter in this process."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.environment = {
            "BURGEE_STORE": "dynamodb",
            "BURGEE_DATA": ":memory:",
            "BURGEE_BUDGET_WINDOW": "none",
            "BURGEE_LIMITED_FUNCTIONS": "manage,evaluate=all",
            "BURGEE_PUBLIC_KEY_PARAMETER": KEY_NAME,
            "BURGEE_CORS_ORIGINS": "https://members.realdevsquad.com",
        }
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "limiter")
        self.tables = create_tables(url)
        create_functions(url, *NAMES)
        self.functions = client_of("lambda", url)
        self.parameters = client_of("ssm", url)
        self.put_key("one")
        self.put_item({"limitValue": {"N": "1000"}})

    def put_key(self, name: str) -> None:
        self.parameters.put_parameter(
            Name=KEY_NAME, Value=public_pem_of(name).decode(), Type="SecureString", Overwrite=True
        )

    def put_item(self, attributes: dict[str, Any]) -> None:
        self.tables.put_item(
            TableName="requestLimit", Item={"limitType": {"S": "pendingLimit"}, **attributes}
        )

    @property
    def item(self) -> dict[str, Any]:
        key = {"limitType": {"S": "pendingLimit"}}
        item: dict[str, Any] = self.tables.get_item(TableName="requestLimit", Key=key)["Item"]
        return item

    @property
    def value(self) -> int:
        return int(self.item["limitValue"]["N"])

    @property
    def concurrency(self) -> tuple[int | None, ...]:
        """That of manage, evaluate and the limiter."""
        return tuple(concurrency_of(self.functions, name) for name in NAMES)


@pytest.fixture
def stage(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(moto_url, monkeypatch)


@pytest.fixture
def limiter(stage: Stage) -> Iterator[Limiter]:
    opened = Limiter(stage.environment)
    yield opened
    opened.close()


def token(role: str = "ADMIN", key: str = "one") -> str:
    return signed({"userId": "ada", "role": role, "exp": int(time.time()) + 3600}, key=key)


def rest(method: str, path: str, body: object = None, *, bearer: str | None = None, **headers: str) -> Any:
    """An event of a REST API (payload 1.0)."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": _headers(bearer, headers),
        "multiValueHeaders": {name: [value] for name, value in _headers(bearer, headers).items()},
        "queryStringParameters": None,
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}, "stage": "Prod", "path": "/Prod" + path},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def http_api(
    method: str, path: str, body: object = None, *, bearer: str | None = None, **headers: str
) -> Any:
    """An event of an HTTP API (payload 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": _headers(bearer, headers),
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}},
        "body": "" if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _headers(bearer: str | None, more: dict[str, str]) -> dict[str, str]:
    fixed = {"host": "flags.example.com", "content-type": "application/json", **more}
    sent = token() if bearer is None else bearer
    return {**fixed, "authorization": f"Bearer {sent}"} if sent else fixed


Event = Callable[..., Any]
KINDS = pytest.mark.parametrize("event", [rest, http_api])


@KINDS
def test_row_80_reset_writes_the_counter_and_lifts_the_concurrency(
    stage: Stage, limiter: Limiter, event: Event
) -> None:
    for name in NAMES[:2]:
        stage.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    answer = limiter(event("POST", RESET, {"pendingLimit": 20}), Context())
    assert (answer["statusCode"], answer["body"]) == (200, RESET_DONE)
    assert (stage.value, stage.concurrency) == (20, (None, None, None))


@KINDS
def test_row_86_a_stop_sets_the_concurrency_to_zero_and_spares_the_limiter(
    stage: Stage, limiter: Limiter, event: Event
) -> None:
    answer = limiter(event("PATCH", STOP), Context())
    assert (answer["statusCode"], answer["body"]) == (200, STOP_DONE)
    assert stage.item["state"] == {"S": "FORCED"}
    assert stage.concurrency == (0, 0, None)


def test_row_83_reset_works_while_the_others_are_at_zero(stage: Stage, limiter: Limiter) -> None:
    limiter(rest("PATCH", STOP), Context())
    assert limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())["statusCode"] == 200
    assert (stage.value, stage.concurrency) == (5, (None, None, None))


@KINDS
def test_preflights_need_no_store(
    stage: Stage, event: Event, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    with black_hole() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        limiter = Limiter(stage.environment)
        request.addfinalizer(limiter.close)
        began = time.monotonic()
        for origin, status in (("https://members.realdevsquad.com", 200), ("https://evil.com", 403)):
            asked = event("OPTIONS", "/feature-flags", bearer="", origin=origin)
            assert limiter(asked, Context())["statusCode"] == status
        assert time.monotonic() - began < 0.5
        assert limiter(event("GET", "/api/v1/budget"), Context())["statusCode"] == 503


def test_a_stop_of_the_management_lets_evaluation_run(stage: Stage, limiter: Limiter) -> None:
    limiter(rest("PATCH", STOP, {"scope": "management"}), Context())
    assert stage.concurrency == (0, None, None)


@KINDS
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", RESET, {}, 400, "pendingLimit must be a whole number from 1 to 1000000000."),
        ("POST", RESET, {"pendingLimit": "5"}, 400, "Unable to read input"),
        ("PATCH", STOP, {"scope": "some"}, 400, "Allowed values of scope are all, management"),
    ],
)
def test_what_cannot_be_understood_changes_nothing(
    stage: Stage,
    limiter: Limiter,
    event: Event,
    method: str,
    path: str,
    body: object,
    status: int,
    words: str,
) -> None:
    answer = limiter(event(method, path, body), Context())
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, {"message": words})
    assert (stage.value, stage.concurrency) == (1000, (None, None, None))


@KINDS
@pytest.mark.parametrize(
    ("bearer", "status"),
    [
        (token("VIEWER"), 403),
        (token("DEVELOPER"), 403),
        (token(""), 401),
        (token(key="two"), 401),
        ("", 401),
    ],
    ids=["viewer", "developer", "no role", "another key", "nobody"],
)
def test_rows_84_and_85_only_administrators_may(
    stage: Stage, limiter: Limiter, event: Event, bearer: str, status: int
) -> None:
    for method, path, body in (("POST", RESET, {"pendingLimit": 5}), ("PATCH", STOP, None)):
        assert limiter(event(method, path, body, bearer=bearer), Context())["statusCode"] == status
    assert (stage.value, stage.concurrency) == (1000, (None, None, None))


def test_the_session_cookie_of_the_source_opens_it_too(stage: Stage, moto_url: str) -> None:
    stage.environment["ENVIRONMENT"] = "PRODUCTION"
    opened = Limiter(stage.environment)
    origin = "https://members.realdevsquad.com"
    cookies = {"cookie": f"a=1;  rds-session={token()}; b=2", "origin": origin}
    answer = opened(rest("POST", RESET, {"pendingLimit": 5}, bearer="", **cookies), Context())
    assert (answer["statusCode"], stage.value) == (200, 5)
    opened.close()


@pytest.mark.parametrize("path", ["/feature-flags", "/health-check", "/api/v1/flags", "/"])
def test_it_serves_nothing_else(limiter: Limiter, path: str) -> None:
    assert limiter(rest("GET", path), Context())["statusCode"] == 404


def test_the_native_routes_of_the_budget_limit_the_functions_too(stage: Stage, limiter: Limiter) -> None:
    body = {"reason": "drill", "scope": "all"}
    assert limiter(rest("POST", "/api/v1/budget/stop", body), Context())["statusCode"] == 200
    assert stage.concurrency == (0, 0, None)
    shown = limiter(rest("GET", "/api/v1/budget"), Context())
    assert json.loads(shown["body"])["management"]["state"] == "FORCED"
    body = {"reason": "drill", "limit": 9}  # type: ignore[dict-item]
    assert limiter(rest("POST", "/api/v1/budget/reset", body), Context())["statusCode"] == 200
    assert stage.value == 9
    assert [concurrency_of(stage.functions, name) for name in NAMES] == [None, None, None]


def test_row_63_the_key_is_the_one_of_the_environment(stage: Stage) -> None:
    del stage.environment["BURGEE_PUBLIC_KEY_PARAMETER"]
    stage.environment["ENVIRONMENT"] = "PRODUCTION"
    opened = Limiter(stage.environment)
    assert opened(rest("POST", RESET, {"pendingLimit": 5}), Context())["statusCode"] == 200
    opened.close()


def test_row_64_a_key_that_is_not_there_yet_is_looked_for_by_the_next_request(
    stage: Stage, limiter: Limiter
) -> None:
    stage.parameters.delete_parameter(Name=KEY_NAME)
    for _ in range(3):
        assert limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())["statusCode"] == 500
    stage.put_key("one")
    assert limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())["statusCode"] == 200


@pytest.mark.parametrize(
    ("number", "state", "concurrency"),
    [(0, "FORCED", (0, 0, None)), (1, "OPEN", (1, 1, None)), (25, "OPEN", (25, 25, None))],
)
def test_row_86_invoked_directly_a_number_sets_the_concurrency(
    stage: Stage, limiter: Limiter, number: int, state: str, concurrency: tuple[int | None, ...]
) -> None:
    for _ in range(2):
        answer = limiter({"intValue": number}, Context())
        assert (answer["statusCode"], answer["failed"]) == (200, {})
        assert answer["functions"] == {"manage": number, "evaluate": number}
        assert answer["budget"]["state"] == state
        assert stage.concurrency == concurrency


def test_invoked_directly_a_number_opens_what_was_stopped(stage: Stage, limiter: Limiter) -> None:
    limiter({"intValue": 0}, Context())
    limiter({"intValue": 5}, Context())
    assert (stage.item["state"], stage.concurrency) == ({"S": "OPEN"}, (5, 5, None))


def test_invoked_directly_a_scope_and_a_reason_may_be_given(stage: Stage, limiter: Limiter) -> None:
    limiter({"intValue": 0, "scope": "management", "reason": "drill"}, Context())
    assert stage.concurrency == (0, None, None)
    assert (stage.item["by"], stage.item["reason"]) == ({"S": ACTOR}, {"S": "drill"})


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"intValue": None},
        {"intValue": "0"},
        {"intValue": True},
        {"intValue": 1.0},
        {"intValue": -1},
        {"intValue": 100_001},
        {"intValue": 0, "scope": "some"},
        {"intValue": 0, "scope": 1},
        {"intValue": 0, "reason": "x" * 501},
        {"intValue": 0, "reason": 5},
        {"intValue": 10**400},
        {"intValue": 0, "scope": ["all"]},
        {"intValue": 0, "reason": "\ud800"},
        {"intvalue": 0},
        {"requestContext": {}, "cause": 5},
        None,
        [],
        0,
        "0",
        ["intValue"],
    ],
)
def test_an_invocation_that_means_nothing_changes_nothing(stage: Stage, limiter: Limiter, event: Any) -> None:
    assert limiter(event, Context())["statusCode"] == 400
    assert (stage.value, stage.concurrency) == (1000, (None, None, None))


@pytest.mark.parametrize(
    ("gone", "status", "words"),
    [
        (["manage"], 207, "Failed to update concurrency for 1 function(s)"),
        (["manage", "evaluate"], 502, "Failed to update concurrency for 2 function(s)"),
    ],
)
def test_row_87_a_stop_that_reached_some_functions_only_says_so(
    stage: Stage, limiter: Limiter, gone: list[str], status: int, words: str
) -> None:
    for name in gone:
        stage.functions.delete_function(FunctionName=name)
    answer = limiter({"intValue": 0}, Context())
    assert (answer["statusCode"], answer["message"]) == (status, words)
    assert answer["failed"] == dict.fromkeys(gone, "ResourceNotFoundException")
    over_http = limiter(rest("PATCH", STOP), Context())
    assert (over_http["statusCode"], json.loads(over_http["body"])) == (500, {"message": words})
    reset = limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())
    assert (reset["statusCode"], json.loads(reset["body"]), stage.value) == (500, {"message": words}, 5)
    for name in {*NAMES[:2]} - set(gone):
        assert concurrency_of(stage.functions, name) is None


def test_what_could_not_be_done_sounds_the_alarm(
    stage: Stage, limiter: Limiter, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.functions.delete_function(FunctionName="manage")
    assert limiter({"intValue": 0}, Context())["statusCode"] == 207
    assert limiter({"intValue": "no"}, Context())["statusCode"] == 400
    assert limiter(rest("PATCH", STOP, bearer=token()), Context())["statusCode"] == 500
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(line.get("Errors"), line.get("Admitted")) for line in lines] == [(1, None), (1, 1)]
    assert {line["Function"] for line in lines} == {"limiter"}


def test_row_81_a_counter_that_cannot_be_written_lifts_nothing(stage: Stage, limiter: Limiter) -> None:
    limiter(rest("PATCH", STOP), Context())
    stage.tables.delete_table(TableName="requestLimit")
    answer = limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())
    assert answer["statusCode"] == 500
    assert stage.concurrency == (0, 0, None)
    assert limiter({"intValue": 5}, Context())["statusCode"] == 503
    assert stage.concurrency == (0, 0, None)


def test_what_was_done_is_recorded(stage: Stage, limiter: Limiter) -> None:
    limiter({"intValue": 0, "reason": "drill"}, Context())
    limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())
    services = limiter._services
    assert services is not None
    events = services.audit_log.list(AuditQuery(limit=4))
    assert [(event.action, event.actor) for event in events] == [
        ("concurrency.limited", "ada"),
        ("budget.reset", "ada"),
        ("concurrency.limited", ACTOR),
        ("budget.stopped", ACTOR),
    ]
    assert (events[2].request_id, events[2].reason) == ("request-7", "drill")
    assert events[2].after == {"functions": {"manage": 0, "evaluate": 0}, "failed": {}}


@pytest.mark.parametrize("names", ["", "limiter", "manage,limiter=all"])
def test_it_does_not_start_with_nothing_to_limit_or_with_itself(stage: Stage, names: str) -> None:
    with pytest.raises(ConfigurationError, match="BURGEE_LIMITED_FUNCTIONS"):
        Limiter({**stage.environment, "BURGEE_LIMITED_FUNCTIONS": names})


def test_the_handler_reads_its_settings_from_the_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(entry, "_limiter", None)
    assert entry.handler({"intValue": 7}, Context())["statusCode"] == 200
    assert stage.concurrency == (7, 7, None)
    made = entry._limiter
    assert made is not None
    made.close()


def test_f10_while_the_tables_are_a_black_hole_it_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", nowhere)
        opened = Limiter(stage.environment)
        assert opened({"intValue": 0}, Context())["statusCode"] == 503
        assert opened(rest("POST", RESET, {"pendingLimit": 5}), Context())["statusCode"] in (500, 503)
        opened.close()
    assert (stage.value, stage.concurrency) == (1000, (None, None, None))


@pytest.fixture
def invocations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What functions are invoked with, whichever it is."""
    payloads = list[dict[str, Any]]()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payloads.append(msgspec.json.decode(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
        yield payloads
        server.shutdown()
        thread.join()


def tripped(stage: Stage, **settings: str) -> None:
    """Use up the budget, as the management function does."""
    environment = {**stage.environment, "BURGEE_LIMITER_FUNCTION": "limiter", **settings}
    del environment["BURGEE_LIMITED_FUNCTIONS"]
    with ExitStack() as stack:
        opened = open_application(Settings.from_mapping(environment), threads=False, flags=False)
        budget = stack.enter_context(opened).budget
        budget.management.spend()
        with pytest.raises(TooManyRequestsError):
            budget.management.spend()


def test_row_74_at_exhaustion_the_concurrency_of_the_functions_is_zero(
    stage: Stage, limiter: Limiter, invocations: list[dict[str, Any]]
) -> None:
    stage.put_item({"limitValue": {"N": "1"}})
    tripped(stage)
    assert stage.item["state"] == {"S": "TRIPPED"}
    (payload,) = invocations
    assert limiter(payload, Context())["functions"] == {"manage": 0, "evaluate": None}
    assert stage.concurrency == (0, None, None)
    assert stage.item["state"] == {"S": "TRIPPED"}


def test_a_budget_that_a_window_fills_again_is_left_to_the_application(
    stage: Stage, invocations: list[dict[str, Any]]
) -> None:
    limit = {"limitValue": {"N": "1"}, "limit": {"N": "1"}}
    stage.put_item(limit)
    tripped(stage, BURGEE_BUDGET_WINDOW="hour")
    assert (stage.item["state"], invocations) == ({"S": "TRIPPED"}, [])


def test_a_trip_that_was_reset_meanwhile_stops_nothing(
    stage: Stage, limiter: Limiter, invocations: list[dict[str, Any]]
) -> None:
    stage.put_item({"limitValue": {"N": "1"}})
    tripped(stage)
    limiter(rest("POST", RESET, {"pendingLimit": 5}), Context())
    assert limiter(invocations[0], Context())["message"] == "the budget was reset meanwhile"
    assert stage.concurrency == (None, None, None)


def test_a_trip_that_some_functions_did_not_hear_of_is_told_again(
    stage: Stage, limiter: Limiter, invocations: list[dict[str, Any]]
) -> None:
    stage.put_item({"limitValue": {"N": "1"}})
    tripped(stage)
    stage.functions.delete_function(FunctionName="manage")
    with pytest.raises(PartlyDoneError, match="1 function"):  # Lambda invokes it again
        limiter(invocations[0], Context())


def test_row_89_the_item_of_the_source_is_read_as_it_stands(stage: Stage, limiter: Limiter) -> None:
    stage.put_item({"limitValue": {"N": "3"}})
    shown = limiter(rest("GET", "/api/v1/budget"), Context())
    management = json.loads(shown["body"])["management"]
    assert (management["limitType"], management["limitValue"], management["state"]) == (
        "pendingLimit",
        3,
        "OPEN",
    )
    description = stage.tables.describe_table(TableName="requestLimit")["Table"]
    assert description["KeySchema"] == [{"AttributeName": "limitType", "KeyType": "HASH"}]


def test_rows_76_and_90_a_counter_that_is_gone_is_a_thousand_again(stage: Stage, limiter: Limiter) -> None:
    stage.tables.delete_item(TableName="requestLimit", Key={"limitType": {"S": "pendingLimit"}})
    assert limiter(rest("GET", "/api/v1/budget"), Context())["statusCode"] == 200
    assert stage.value == 1000


def test_it_needs_the_budget_the_record_the_key_and_the_concurrency_and_nothing_of_the_flags(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.client import BaseClient

    calls, make = set[tuple[str, str]](), BaseClient._make_api_call

    def note(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        whom = {arguments.get("TableName") or arguments.get("Name") or arguments.get("FunctionName")}
        for item in arguments.get("TransactItems", ()):
            whom = {part["TableName"] for part in item.values()}
        calls.update((operation, str(each)) for each in whom)
        return make(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    opened = Limiter(stage.environment)
    opened(rest("PATCH", STOP), Context())
    opened(rest("POST", RESET, {"pendingLimit": 5}), Context())
    opened({"intValue": 3}, Context())
    opened.close()
    assert {whom for _, whom in calls} == {"requestLimit", "burgee", KEY_NAME, "manage", "evaluate"}
    assert {operation for operation, whom in calls if whom in ("requestLimit", "manage", KEY_NAME)} == {
        "GetItem",
        "UpdateItem",
        "GetParameter",
        "PutFunctionConcurrency",
        "DeleteFunctionConcurrency",
    }
