"""The template as a value: what tests build, what functions get, who reaches them, what their roles say.

Names that AWS would make up are made up here, always the same ones. So a role's ARNs are those of the
resources that `stack.create_stack` makes on an emulator, and no test repeats what the template says.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from burgee.testing.aws.intrinsics import read_yaml, resolve

TEMPLATE = Path(__file__).parents[4] / "infra" / "template.yaml"
ACCOUNT = "123456789012"
"""The account of moto."""
REGION = "eu-west-1"
STACK_NAME = "burgee-test"
PARAMETERS: Mapping[str, str] = {"Stage": "test", "PublicKeyParameterName": "/burgee/test/public-key"}
"""What our template's parameters without defaults are in tests."""

FUNCTION = "AWS::Serverless::Function"
_STREAM_LABEL = "2026-01-01T00:00:00.000"
_PHYSICAL_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SSM::Parameter": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Lambda::Function": "FunctionName",
    FUNCTION: "FunctionName",
}
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:{region}:{account}:deliverystream/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::ECS::Cluster": "ecs:{region}:{account}:cluster/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    FUNCTION: "lambda:{region}:{account}:function:{name}",
}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method (`any` for those without a route of their own) of one path of the API."""

    method: str
    path: str
    function: str


class EventSource(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a function is fed from, with the properties of the mapping."""

    function: str
    name: str
    stream_arn: str
    properties: dict[str, Any]

    @property
    def table(self) -> str:
        """The name of the table whose stream it is."""
        return self.stream_arn.split("table/")[1].split("/")[0]


class Template(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A template with its parameters: every value in it can be resolved."""

    document: dict[str, Any]
    parameters: dict[str, Any]

    @cached_property
    def conditions(self) -> dict[str, bool]:
        """Every condition, decided."""
        decided: dict[str, bool] = {}
        for name, condition in self.document.get("Conditions", {}).items():
            decided[name] = resolve(condition, self.look_up, decided)
        return decided

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds, as they are written."""
        every: dict[str, dict[str, Any]] = self.document["Resources"]
        return {
            name: each for name, each in every.items() if self.conditions.get(each.get("Condition", ""), True)
        }

    def of_type(self, kind: str) -> tuple[str, ...]:
        """The logical ids of the resources of one type, in the order of the file."""
        return tuple(name for name, each in self.resources.items() if each["Type"] == kind)

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of one resource, without functions; those of `Globals` are in them."""
        resource = self.resources[name]
        own: dict[str, Any] = dict(resource.get("Properties", {}))
        if resource["Type"] == FUNCTION:
            shared = self.document.get("Globals", {}).get("Function", {})
            own = {**shared, **own, "Environment": _merged(shared, own)}
        resolved: dict[str, Any] = resolve(own, self.look_up, self.conditions)
        return resolved

    def name(self, name: str) -> str:
        """The physical name of one resource."""
        resource = self.document["Resources"][name]
        given = resource.get("Properties", {}).get(_PHYSICAL_NAMES.get(resource["Type"], ""))
        if given is not None:
            return str(resolve(given, self.look_up, {}))
        made = f"{STACK_NAME}-{name}"
        return made.lower() if resource["Type"] == "AWS::S3::Bucket" else made

    def arn(self, name: str) -> str:
        """The ARN of one resource. Raises KeyError where its type has none that is known here."""
        scheme = _ARNS[self.document["Resources"][name]["Type"]]
        return "arn:aws:" + scheme.format(region=REGION, account=ACCOUNT, name=self.name(name))

    def look_up(self, name: str, attribute: str | None) -> Any:
        """What `Ref` and `Fn::GetAtt` give. Raises KeyError for what nobody has declared."""
        if attribute is None and name in self.parameters:
            return self.parameters[name]
        kind: str = self.document["Resources"][name]["Type"]
        match attribute:
            case None if kind == "AWS::SNS::Topic":
                return self.arn(name)
            case None if kind == "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
            case None:
                return self.name(name)
            case "Arn" | "TopicArn":
                return self.arn(name)
            case "StreamArn":
                return f"{self.arn(name)}/stream/{_STREAM_LABEL}"
            case "QueueName" | "TopicName":
                return self.name(name)
            case _:
                return f"{self.name(name)}.{attribute}"

    @property
    def functions(self) -> tuple[str, ...]:
        """The logical ids of all functions."""
        return self.of_type(FUNCTION)

    def environment(self, function: str) -> dict[str, str]:
        """The variables that a function is started with; empty ones are there, as on AWS."""
        variables = self.properties(function)["Environment"]["Variables"]
        return {key: str(value) for key, value in variables.items()}

    def handler(self, function: str) -> str:
        """`module.function` of its handler."""
        return str(self.properties(function)["Handler"])

    def routes(self) -> tuple[Route, ...]:
        """Every route of the API, in the order of the file."""
        return tuple(
            Route(method=event["Method"].lower(), path=event["Path"], function=function)
            for function, _, event in self._events("Api")
        )

    def event_sources(self) -> tuple[EventSource, ...]:
        """Every stream that feeds a function."""
        return tuple(
            EventSource(function=function, name=name, stream_arn=event["Stream"], properties=event)
            for function, name, event in self._events("DynamoDB")
        )

    def schedules(self) -> tuple[tuple[str, str], ...]:
        """Every function that is called by the clock, with how often."""
        return tuple((function, str(event["Schedule"])) for function, _, event in self._events("Schedule"))

    def _events(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for function in self.functions:
            for name, event in self.properties(function).get("Events", {}).items():
                if event["Type"] == kind:
                    yield function, name, event["Properties"]


def read_template(path: Path = TEMPLATE, parameters: Mapping[str, str] = PARAMETERS) -> Template:
    """The template of a file, with `parameters` over its defaults. Raises KeyError where one is left out."""
    document = read_yaml(path.read_text())
    declared: dict[str, dict[str, Any]] = document.get("Parameters", {})
    unknown = set(parameters) - set(declared)
    if unknown:
        raise KeyError(f"no such parameters: {sorted(unknown)}")
    values = {name: parameters.get(name, each.get("Default")) for name, each in declared.items()}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        raise KeyError(f"no value for the parameters {missing}")
    for name, each in declared.items():
        if each["Type"] == "CommaDelimitedList":
            values[name] = str(values[name]).split(",")
    pseudo = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": STACK_NAME,
    }
    return Template(document=document, parameters={**values, **pseudo})


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    def variables(of: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = of.get("Environment", {}).get("Variables", {})
        return found

    return {"Variables": {**variables(shared), **variables(own)}}
