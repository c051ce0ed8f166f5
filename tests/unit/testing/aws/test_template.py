"""The reader of templates: functions resolved, names that agree, routes and streams."""

from pathlib import Path
from typing import Any

import pytest

from burgee.testing.aws.intrinsics import read_yaml, resolve
from burgee.testing.aws.template import read_template

TEXT = """
Parameters:
  Stage: { Type: String }
  Address: { Type: String, Default: "" }
  Subnets: { Type: CommaDelimitedList, Default: "a,b" }
Conditions:
  HasAddress: !Not [!Equals [!Ref Address, ""]]
  HasBoth: !And [!Condition HasAddress, !Equals [!Ref Stage, prod]]
Globals:
  Function:
    Timeout: 5
    Environment: { Variables: { SHARED: a, TABLE: !Ref Items } }
Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !Sub "${Stage}-items", Kept: !If [HasAddress, !Ref Address, !Ref AWS::NoValue] }
  Letters: { Type: AWS::SQS::Queue }
  News: { Type: AWS::SNS::Topic }
  Files: { Type: AWS::S3::Bucket }
  Mail: { Type: AWS::SNS::Subscription, Condition: HasAddress, Properties: { Endpoint: !Ref Address } }
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b.handler
      Timeout: 9
      Environment: { Variables: { TABLE: own, FILES: !Ref Files } }
      Events:
        Get: { Type: Api, Properties: { Path: "/x/{y}", Method: GET } }
        Changes: { Type: DynamoDB, Properties: { Stream: !GetAtt Items.StreamArn, BatchSize: 3 } }
        Often: { Type: Schedule, Properties: { Schedule: rate(1 minute) } }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEXT)
    return path


def _plain(text: str) -> Any:
    def look_up(name: str, attribute: str | None) -> str:
        return f"<{name}{'.' + attribute if attribute else ''}>"

    return resolve(read_yaml(f"it: {text}")["it"], look_up, {"Is": True, "Not": False})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!Ref A", "<A>"),
        ("!GetAtt A.B", "<A.B>"),
        ("!GetAtt A.B.C", "<A.B.C>"),
        ('!Sub "x-${A}-${A.B}-${!kept}"', "x-<A>-<A.B>-${kept}"),
        ('!Sub ["${a}${A}", { a: !Ref B }]', "<B><A>"),
        ('!Join [",", [a, !Ref B]]', "a,<B>"),
        ("!If [Is, 1, 2]", 1),
        ("!If [Not, 1, 2]", 2),
        ("[1, !If [Not, 1, !Ref AWS::NoValue]]", [1]),
        ("{ a: !If [Not, 1, !Ref AWS::NoValue], b: 2 }", {"b": 2}),
        ("!Not [!Equals [1, 1]]", False),
        ("!Or [!Condition Not, !Condition Is]", True),
        ('{ Condition: { "aws:x": 1 }, b: 2 }', {"Condition": {"aws:x": 1}, "b": 2}),
    ],
)
def test_functions_are_resolved(text: str, expected: object) -> None:
    assert _plain(text) == expected


def test_a_function_that_it_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError, match="Fn::Cidr"):
        _plain("!Cidr [a, 1, 2]")


def test_a_text_that_is_no_mapping_is_no_template() -> None:
    with pytest.raises(TypeError):
        read_yaml("- 1")


def test_references_are_to_the_names_that_the_emulator_gives(path: Path) -> None:
    template = read_template(path, {"Stage": "prod"})
    assert template.look_up("Items", None) == "prod-items"
    assert template.look_up("Items", "Arn") == "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-items"
    assert template.look_up("Items", "StreamArn").startswith(template.arn("Items") + "/stream/")
    assert template.look_up("Letters", None).endswith("/123456789012/burgee-test-Letters")
    assert template.look_up("Letters", "QueueName") == "burgee-test-Letters"
    assert template.look_up("News", None) == template.arn("News")
    assert template.look_up("Files", None) == "burgee-test-files"
    assert template.look_up("Subnets", None) == ["a", "b"]


def test_resources_stand_under_their_conditions(path: Path) -> None:
    without = read_template(path, {"Stage": "prod"})
    assert "Mail" not in without.resources
    assert "Kept" not in without.properties("Items")
    with_address = read_template(path, {"Stage": "prod", "Address": "a@example.com"})
    assert with_address.properties("Mail") == {"Endpoint": "a@example.com"}
    assert with_address.properties("Items")["Kept"] == "a@example.com"
    assert [with_address.conditions["HasBoth"], without.conditions["HasBoth"]] == [True, False]


def test_a_functions_own_properties_stand_over_the_shared_ones(path: Path) -> None:
    template = read_template(path, {"Stage": "prod"})
    assert template.functions == ("Work",)
    assert template.properties("Work")["Timeout"] == 9
    assert template.environment("Work") == {"SHARED": "a", "TABLE": "own", "FILES": "burgee-test-files"}
    assert template.handler("Work") == "a.b.handler"


def test_routes_streams_and_schedules_are_listed(path: Path) -> None:
    template = read_template(path, {"Stage": "prod"})
    assert [(route.method, route.path, route.function) for route in template.routes()] == [
        ("get", "/x/{y}", "Work")
    ]
    (source,) = template.event_sources()
    assert (source.function, source.name, source.table, source.properties["BatchSize"]) == (
        "Work",
        "Changes",
        "prod-items",
        3,
    )
    assert template.schedules() == (("Work", "rate(1 minute)"),)


@pytest.mark.parametrize(
    ("parameters", "words"), [({}, "no value .*Stage"), ({"Stage": "x", "Stag": "y"}, "no such .*Stag'")]
)
def test_parameters_must_be_those_of_the_template(path: Path, parameters: dict[str, str], words: str) -> None:
    with pytest.raises(KeyError, match=words):
        read_template(path, parameters)


def test_our_template_can_be_resolved_to_the_last_property() -> None:
    template = read_template(parameters={"Stage": "x", "PublicKeyParameterName": "/k", "ConfigRules": "yes"})
    for name in template.resources:
        template.properties(name)
    assert "SnapshotBucketGuard" in template.resources
