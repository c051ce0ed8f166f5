"""Every function runs for real, signed as itself; what it asked of AWS is compared with its role.

Nothing missing: each call is allowed. Nothing unused: each thing that a role allows was needed by a call.
"""

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

for _name in ("boto3", "moto", "mangum", "awslambdaric"):
    pytest.importorskip(_name)

from burgee.formats.usage_lines import key_use_lines  # noqa: E402
from burgee.testing.aws.calls import Recorder  # noqa: E402
from burgee.testing.aws.emulators import ENVIRONMENT, client_of  # noqa: E402
from burgee.testing.aws.functions import create_functions  # noqa: E402
from burgee.testing.aws.lambda_function import LambdaFunction  # noqa: E402
from burgee.testing.aws.privileges import missing, unused  # noqa: E402
from burgee.testing.aws.recording_moto import recording_moto  # noqa: E402
from burgee.testing.aws.stack import create_stack  # noqa: E402
from burgee.testing.aws.stream_poller import StreamPoller  # noqa: E402
from burgee.testing.aws.template import Template, read_template  # noqa: E402
from burgee.testing.token_workshop import pem_of, public_pem_of, signed  # noqa: E402

pytestmark = pytest.mark.aws

FUNCTIONS = read_template().functions
FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
TABLES = "arn:aws:dynamodb:eu-west-1:123456789012:table"
FINISHING = "a commit that another function staged and left is finished by whoever comes next"
UNREACHED: dict[str, dict[tuple[str, str], str]] = {
    "LimiterFunction": {
        (f"dynamodb:{action}", f"{TABLES}/{table}"): FINISHING
        for table, actions in {
            "burgee": ("BatchGetItem", "BatchWriteItem", "DeleteItem", "UpdateItem"),
            "featureFlag": ("BatchGetItem", "DeleteItem", "PutItem"),
            "featureFlagUserMapping": ("BatchGetItem", "DeleteItem", "PutItem"),
        }.items()
        for action in actions
    },
    "PublishSnapshotFunction": {
        (f"dynamodb:{action}", f"{TABLES}/{table}"): FINISHING
        for table, actions in {
            "burgee": ("BatchWriteItem", "DeleteItem"),
            "featureFlag": ("DeleteItem",),
            "featureFlagUserMapping": ("DeleteItem",),
        }.items()
        for action in actions
    },
}
"""What a role allows though nothing here needs it: each with the reason."""


class Running:
    """All functions of the template on one moto, each with an access key that is its logical id."""

    def __init__(self, url: str, template: Template, streams: dict[str, str]) -> None:
        self.url, self.template, self.streams = url, template, streams
        self.functions = {name: self._function(name) for name in template.functions}
        self.pollers = [self._poller(source) for source in template.event_sources()]
        claims = {"userId": "ada", "role": "ADMIN", "exp": int(time.time()) + 3_600}
        self.token = signed(claims, key="issuer")

    def client(self, service: str) -> Any:
        """As the operator, who is not recorded."""
        return client_of(service, self.url)

    def call(
        self, function: str, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        """One request through API Gateway; the answer of the function."""
        path, _, query = path.partition("?")
        pairs = dict(part.split("=") for part in query.split("&")) if query else None
        fields = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}
        event: Any = {
            "resource": "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": fields,
            "multiValueHeaders": {name: [value] for name, value in fields.items()},
            "queryStringParameters": pairs,
            "multiValueQueryStringParameters": {name: [value] for name, value in pairs.items()}
            if pairs
            else None,
            "requestContext": {
                "stage": "test",
                "path": f"/test{path}",
                "identity": {"sourceIp": "192.0.2.1"},
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answered = self.functions[function].invoke(event)
        assert not answered.is_error, answered
        answer = answered.payload
        assert isinstance(answer, dict)
        return answer

    def done(self, function: str, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The body of an answer that is no refusal; moto may need longer for a large commit than we wait."""
        for _ in range(5):
            answer = self.call(function, method, path, body, **headers)
            if answer["statusCode"] != 503:
                break
        assert answer["statusCode"] < 300, (method, path, answer)
        text = answer["body"]
        return json.loads(text) if text and text[0] in "{[" else text

    def pump(self) -> None:
        """Let the streams be read to their ends."""
        while sum(poller.drain() for poller in self.pollers):
            pass
        assert [poller.given_up for poller in self.pollers if poller.given_up] == []

    def close(self) -> None:
        for function in self.functions.values():
            function.close()

    def _function(self, name: str) -> LambdaFunction:
        environment = {
            **ENVIRONMENT,
            "AWS_ACCESS_KEY_ID": name,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
            **self.template.environment(name),
            "BURGEE_BUDGET_WINDOW": "none",
        }
        if name == "EvaluateFunction":
            environment["BURGEE_SNAPSHOT_REFRESH_SECONDS"] = "0.5"
        return LambdaFunction(
            self.template.handler(name),
            environment,
            name=self.template.name(name),
            timeout_seconds=60,
            freeze=False,
        )

    def _poller(self, source: Any) -> StreamPoller:
        return StreamPoller(
            self.client("dynamodbstreams"), self.streams[source.table], self.functions[source.function]
        )


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder(ignored={ENVIRONMENT["AWS_ACCESS_KEY_ID"]})


@pytest.fixture(scope="module")
def running(recorder: Recorder) -> Iterator[Running]:
    template = read_template()
    with recording_moto(recorder) as (url, unknown):
        clients: Callable[[str], Any] = lambda service: client_of(service, url)  # noqa: E731
        streams = create_stack(template, clients)
        create_functions(url, *(template.name(name) for name in template.functions))
        clients("ssm").put_parameter(
            Name=template.parameters["PublicKeyParameterName"],
            Type="SecureString",
            Value=public_pem_of("issuer").decode(),
        )
        name = template.environment("ManageFunction")["BURGEE_SIGNING_KEY_PARAMETER"]
        clients("ssm").put_parameter(Name=name, Type="SecureString", Value=pem_of("one").decode())
        running = Running(url, template, streams)
        _everything(running)
        yield running
        running.close()
        assert unknown == []


def _everything(running: Running) -> None:
    """Each kind of request and event once."""
    _seeds(running)
    _flags(running)
    _dialects(running)
    _access(running)
    running.pump()
    _evaluation(running)
    _source_services(running)
    running.pump()
    _counts(running)
    _brake(running)
    running.pump()


def _seeds(running: Running) -> None:
    """Whoever finds no budget writes the first one."""
    running.done("LimiterFunction", "GET", "/api/v1/budget")
    running.client("dynamodb").delete_item(TableName="requestLimit", Key={"limitType": {"S": "pendingLimit"}})
    running.done("ManageFunction", "GET", "/api/v1/status")


def _flags(running: Running) -> None:
    manage = "ManageFunction"
    for key in ("a", "b"):
        running.done(manage, "PUT", f"/api/v1/flags/{key}", FLAG)
    running.done(manage, "PATCH", "/api/v1/flags/a", {"defaultVariant": "off"})
    running.done(manage, "GET", "/api/v1/flags/a")
    running.done(manage, "GET", "/api/v1/flags?limit=1")
    running.done(manage, "GET", "/api/v1/flags/a/history")
    running.done(manage, "POST", "/api/v1/flags/a/restore", {"revision": 1})
    running.done(manage, "PUT", "/api/v1/flag-sets/web", {"source": "web"})
    running.done(manage, "PUT", "/api/v1/flags/c", FLAG, **{"Idempotency-Key": "once"})
    running.done(manage, "DELETE", "/api/v1/flags/b")
    document = {"flags": {f"many-{n}": {"state": "ENABLED", **FLAG} for n in range(34)}}
    running.done(manage, "POST", "/api/v1/import?flagSet=many", document)
    running.done(manage, "GET", "/api/v1/export")
    running.done(manage, "PUT", "/api/v1/flags/a/overrides/ann", {"status": "DISABLED"})
    running.done(manage, "PUT", "/api/v1/flags/a/overrides/bob", {"status": "DISABLED"})
    running.done(manage, "GET", "/api/v1/flags/a/overrides")
    running.done(manage, "GET", "/api/v1/subjects/ann/overrides")
    running.done(manage, "DELETE", "/api/v1/flags/a/overrides/bob")
    running.done(manage, "GET", "/api/v1/audit?limit=3")
    running.done(manage, "GET", "/api/v1/audit/verify")
    running.done(manage, "GET", "/api/v1/flags/a/usage")
    running.done(manage, "GET", "/api/v1/status")


def _dialects(running: Running) -> None:
    manage = "ManageFunction"
    made = running.done(manage, "POST", "/feature-flags", {"name": "dark", "description": "mode"})
    running.done(manage, "GET", f"/feature-flags/{made['data']['id']}")
    running.done(manage, "POST", f"/users/ada/feature-flags/{made['data']['id']}", {"status": "DISABLED"})
    running.done(manage, "GET", "/users/ada/feature-flags")
    running.done(manage, "POST", "/feature-flag", {"flagName": "old", "currentVariation": True})
    running.done(manage, "GET", "/feature-flag/old")
    assert running.call(manage, "DELETE", "/feature-flag/old")["statusCode"] == 403


def _access(running: Running) -> None:
    manage = "ManageFunction"
    key = running.done(manage, "POST", "/api/v1/keys", {"name": "shop", "kind": "server"})
    running.done(manage, "GET", "/api/v1/keys")
    answered = running.functions[manage].invoke({"burgee": "token", "subject": "ops"})
    assert isinstance(answered.payload, dict)
    assert answered.payload["statusCode"] == 200, answered
    running.done(manage, "DELETE", f"/api/v1/keys/{key['id']}")


def _evaluation(running: Running) -> None:
    evaluate = "EvaluateFunction"
    running.done(evaluate, "POST", "/ofrep/v1/evaluate/flags/a", {"context": {"targetingKey": "cleo"}})
    running.done(evaluate, "POST", "/ofrep/v1/evaluate/flags/a", {"context": {"targetingKey": "ann"}})
    running.done(evaluate, "POST", "/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "ann"}})
    running.done(evaluate, "GET", "/v1/flags")
    time.sleep(0.6)
    running.done(evaluate, "POST", "/ofrep/v1/evaluate/flags/a", {"context": {"targetingKey": "cleo"}})


def _source_services(running: Running) -> None:
    """What the Real-Dev-Squad service would write past us."""
    item = {
        "id": {"S": "5a0c5a3e-8a9f-4a51-a0b3-6d1f5f3b2f10"},
        "name": {"S": "theirs"},
        "description": {"S": "d"},
        "status": {"S": "ENABLED"},
        "createdAt": {"N": "1700000000"},
        "createdBy": {"S": "u"},
        "updatedAt": {"N": "1700000000"},
        "updatedBy": {"S": "u"},
    }
    dynamodb = running.client("dynamodb")
    dynamodb.put_item(TableName="featureFlag", Item=item)
    mapping = {**item, "userId": {"S": "zoe"}, "flagId": item["id"]}
    for name in ("id", "name", "description"):
        del mapping[name]
    dynamodb.put_item(TableName="featureFlagUserMapping", Item=mapping)
    # moto numbers the records of each table from 1, and the function knows those that it has seen by number.
    running.functions["PublishSnapshotFunction"].retire()
    # And an audit event that somebody changed, which goes to the queue.
    events = dynamodb.query(
        TableName="burgee",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "audit#00000000"}},
        Limit=1,
    )["Items"]
    dynamodb.put_item(TableName="burgee", Item={**events[0], "actor": {"S": "mallory"}})


def _counts(running: Running) -> None:
    count = {"flagSet": "default", "flagKey": "a", "hour": 496_000, "variant": "on", "reason": "STATIC"}
    line = json.dumps({"burgee": "usage", "counts": [{**count, "count": 3, "lastAt": time.time()}]})
    message = {
        "messageType": "DATA_MESSAGE",
        "logGroup": "g",
        "logEvents": [
            {"id": "1", "timestamp": 0, "message": line},
            {"id": "2", "timestamp": 0, "message": next(key_use_lines({"0" * 16: time.time()}))},
        ],
    }
    data = base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()
    answered = running.functions["UsageFunction"].invoke({"awslogs": {"data": data}})
    assert answered.payload == {"outcomes": 1, "keys": 1}, answered


def _brake(running: Running) -> None:
    limiter = "LimiterFunction"
    running.done(limiter, "POST", "/reset-limit", {"pendingLimit": 1})
    statuses = [running.call("ManageFunction", "GET", "/feature-flags")["statusCode"] for _ in range(4)]
    assert statuses[-1] == 429
    running.done(limiter, "PATCH", "/mark-concurrency-zero", {})
    assert running.call("ManageFunction", "GET", "/feature-flags")["statusCode"] == 429
    running.done(limiter, "POST", "/reset-limit", {"pendingLimit": 1000})
    running.done(limiter, "GET", "/api/v1/budget")
    answered = running.functions[limiter].invoke({"intValue": 5})
    assert isinstance(answered.payload, dict)
    assert answered.payload["statusCode"] == 200, answered


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_of_a_function_is_allowed_by_its_role(
    function: str, running: Running, recorder: Recorder
) -> None:
    calls = recorder.by_key.get(function, set())
    assert calls
    assert missing(running.template, function, calls) == ()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_everything_that_a_role_allows_is_needed(function: str, running: Running, recorder: Recorder) -> None:
    excused = UNREACHED.get(function, {})
    left = [
        (grant.action, grant.resource)
        for grant in unused(running.template, function, recorder.by_key.get(function, set()))
    ]
    assert sorted(set(left) - set(excused)) == []
    assert sorted(set(excused) - set(left)) == []
