"""The evaluator of roles: what is allowed, what is missing, what is unused."""

from typing import Any

import pytest

from burgee.testing.aws import privileges
from burgee.testing.aws.calls import Recorder, needed
from burgee.testing.aws.privileges import Call, Grant, allowed, missing, unused, wildcards
from burgee.testing.aws.template import Template, read_template

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table"


def _template(*statements: dict[str, Any]) -> Template:
    return Template(
        document={
            "Resources": {
                "Asked": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {"Role": {"Fn::GetAtt": ["AskedRole", "Arn"]}},
                },
                "AskedRole": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {"Policies": [{"PolicyDocument": {"Statement": list(statements)}}]},
                },
            }
        },
        parameters={},
    )


def _statement(action: object, resource: object, effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("dynamodb:GetItem", f"{TABLE}/a", True),
        ("dynamodb:getitem", f"{TABLE}/a", True),
        (["dynamodb:Query", "dynamodb:GetItem"], [f"{TABLE}/b", f"{TABLE}/a"], True),
        ("dynamodb:Get*", f"{TABLE}/a", True),
        ("dynamodb:GetItem", f"{TABLE}/?", True),
        ("dynamodb:GetItem", "*", True),
        ("dynamodb:GetItem", f"{TABLE}/A", False),
        ("dynamodb:GetItem", f"{TABLE}/ab", False),
        ("dynamodb:GetItem", f"{TABLE}/a/*", False),
        ("dynamodb:PutItem", f"{TABLE}/a", False),
        ("s3:GetItem", f"{TABLE}/a", False),
    ],
)
def test_a_statement_allows_what_its_patterns_match(action: object, resource: object, expected: bool) -> None:
    template = _template(_statement(action, resource))
    assert allowed(template, "Asked", "dynamodb:GetItem", f"{TABLE}/a") is expected


def test_nothing_is_allowed_without_a_statement() -> None:
    assert not allowed(_template(), "Asked", "dynamodb:GetItem", f"{TABLE}/a")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_denial_wins_wherever_it_stands(is_first: bool) -> None:
    allow = _statement("s3:*", "arn:aws:s3:::b/*")
    deny = _statement("s3:PutObject", "arn:aws:s3:::b/x", "Deny")
    template = _template(*((deny, allow) if is_first else (allow, deny)))
    assert not allowed(template, "Asked", "s3:PutObject", "arn:aws:s3:::b/x")
    assert allowed(template, "Asked", "s3:PutObject", "arn:aws:s3:::b/y")


@pytest.mark.parametrize("member", ["Condition", "NotAction", "NotResource", "Principal"])
def test_a_statement_that_it_cannot_evaluate_is_an_error(member: str) -> None:
    with pytest.raises(ValueError, match=member):
        allowed(_template(_statement("a:B", "*") | {member: {}}), "Asked", "a:B", "x")


def test_a_function_without_a_role_of_its_own_is_an_error() -> None:
    template = _template()
    template.document["Resources"]["Asked"]["Properties"]["Role"] = "arn:aws:iam::123456789012:role/shared"
    with pytest.raises(ValueError, match="no role of its own"):
        privileges.role_of(template, "Asked")


def test_what_the_role_would_have_refused_is_missing_once() -> None:
    template = _template(_statement("dynamodb:GetItem", f"{TABLE}/a"))
    refused = Call("dynamodb:GetItem", f"{TABLE}/b")
    assert missing(template, "Asked", [Call("dynamodb:GetItem", f"{TABLE}/a"), refused, refused]) == (
        refused,
    )


def test_what_no_call_needed_is_unused_resource_by_resource() -> None:
    template = _template(_statement(["dynamodb:GetItem", "dynamodb:Scan"], [f"{TABLE}/a", f"{TABLE}/b"]))
    calls = [Call("dynamodb:GetItem", f"{TABLE}/a"), Call("dynamodb:Scan", f"{TABLE}/b")]
    assert unused(template, "Asked", calls) == (
        Grant("dynamodb:GetItem", f"{TABLE}/b"),
        Grant("dynamodb:Scan", f"{TABLE}/a"),
    )


@pytest.mark.parametrize("action", sorted(privileges.BY_LAMBDA))
def test_what_lambda_does_itself_needs_no_call(action: str) -> None:
    assert unused(_template(_statement(action, "x")), "Asked", []) == ()


def test_listing_serves_reading_and_is_unused_without_it() -> None:
    template = _template(
        _statement("s3:ListBucket", "arn:aws:s3:::b"), _statement("s3:GetObject", "arn:aws:s3:::b/*")
    )
    assert unused(template, "Asked", [Call("s3:GetObject", "arn:aws:s3:::b/x")]) == ()
    assert len(unused(template, "Asked", [])) == 2


def test_a_denial_is_never_unused() -> None:
    assert unused(_template(_statement("s3:PutObject", "x", "Deny")), "Asked", []) == ()


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/*", 0),
        ("s3:GetObject", "*", 1),
        ("s3:*", "arn:aws:s3:::b", 1),
        ("*", "*", 1),
    ],
)
def test_wildcards_are_found_in_actions_and_whole_resources(
    action: str, resource: str, expected: int
) -> None:
    assert len(wildcards(_template(_statement(action, resource)))) == expected


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "expected"),
    [
        ("dynamodb", "GetItem", {"TableName": "a"}, [("dynamodb:GetItem", f"{TABLE}/a")]),
        ("dynamodb", "Query", {"TableName": f"{TABLE}/a"}, [("dynamodb:Query", f"{TABLE}/a")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "a", "IndexName": "i"},
            [("dynamodb:Query", f"{TABLE}/a/index/i")],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"a": {}, "b": {}}},
            [("dynamodb:BatchGetItem", f"{TABLE}/a"), ("dynamodb:BatchGetItem", f"{TABLE}/b")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "a"}},
                    {"Update": {"TableName": "b"}},
                    {"Delete": {"TableName": "a"}},
                    {"ConditionCheck": {"TableName": "b"}},
                ]
            },
            [
                ("dynamodb:PutItem", f"{TABLE}/a"),
                ("dynamodb:UpdateItem", f"{TABLE}/b"),
                ("dynamodb:DeleteItem", f"{TABLE}/a"),
                ("dynamodb:ConditionCheckItem", f"{TABLE}/b"),
            ],
        ),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k/x"}, [("s3:GetObject", "arn:aws:s3:::b/k/x")]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        (
            "ssm",
            "GetParameter",
            {"Name": "/p/q"},
            [("ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/p/q")],
        ),
        (
            "lambda",
            "PutFunctionConcurrency",
            {"FunctionName": "f"},
            [("lambda:PutFunctionConcurrency", "arn:aws:lambda:eu-west-1:123456789012:function:f")],
        ),
        ("sns", "Publish", {"TopicArn": "arn:t"}, [("sns:Publish", "arn:t")]),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://h/1/q"},
            [("sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:q")],
        ),
        (
            "firehose",
            "PutRecordBatch",
            {"DeliveryStreamName": "d"},
            [("firehose:PutRecordBatch", "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d")],
        ),
    ],
)
def test_a_call_needs_these_actions(
    service: str, operation: str, arguments: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert [(call.action, call.arn) for call in needed(service, operation, arguments)] == expected


def test_an_unknown_service_is_an_error() -> None:
    with pytest.raises(KeyError):
        needed("sts", "GetCallerIdentity", {})


def _signed(service: str, **more: str) -> dict[str, str]:
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential=me/20261121/eu-west-1/{service}/aws4_request, x",
        **more,
    }


@pytest.mark.parametrize(
    ("service", "method", "path", "target", "body", "expected"),
    [
        ("dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", '{"TableName": "a"}', "dynamodb:GetItem"),
        ("ssm", "POST", "/", "AmazonSSM.GetParameter", '{"Name": "/p"}', "ssm:GetParameter"),
        ("sqs", "POST", "/", "AmazonSQS.SendMessage", '{"QueueUrl": "http://h/1/q"}', "sqs:SendMessage"),
        ("s3", "GET", "/bucket/snapshots/a%20b?x=1", "", "", "s3:GetObject"),
        ("s3", "PUT", "/bucket/k", "", "x", "s3:PutObject"),
        ("s3", "GET", "/bucket?list-type=2", "", "", "s3:ListBucket"),
        ("sns", "POST", "/", "", "Action=Publish&TopicArn=arn%3At", "sns:Publish"),
        ("lambda", "PUT", "/2017-10-31/functions/f/concurrency", "", "{}", "lambda:PutFunctionConcurrency"),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", "{}", "lambda:InvokeFunction"),
    ],
)
def test_a_signed_request_is_recorded_whichever_client_made_it(
    service: str, method: str, path: str, target: str, body: str, expected: str
) -> None:
    recorder = Recorder()
    more = {"X-Amz-Target": target} if target else {}
    recorder.request(method, f"http://h{path}", _signed(service, **more), body.encode())
    (call,) = recorder.by_key["me"]
    assert call.action == expected


def test_an_object_is_recorded_by_its_plain_key() -> None:
    recorder = Recorder()
    recorder.request("GET", "http://h/bucket/snapshots/a%20b", _signed("s3"), b"")
    assert recorder.calls == {Call("s3:GetObject", "arn:aws:s3:::bucket/snapshots/a b")}


def test_a_request_that_nobody_signed_is_nobodys() -> None:
    recorder = Recorder()
    recorder.request("POST", "http://h/moto-api/reset", {}, b"")
    assert recorder.by_key == {}


def test_a_signed_request_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        Recorder().request("PATCH", "http://h/2017-10-31/functions/f/concurrency", _signed("lambda"), b"")


def test_the_brake_of_the_template_reaches_its_functions_and_not_itself() -> None:
    template = read_template()
    for function, expected in (
        ("EvaluateFunction", True),
        ("ManageFunction", True),
        ("LimiterFunction", False),
    ):
        arn = template.arn(function)
        assert allowed(template, "LimiterFunction", "lambda:PutFunctionConcurrency", arn) is expected
