"""Least privilege, checked: what a function's role allows, against what the function really calls.

Not a whole IAM. It knows the statements that our template has and refuses the rest, so that nothing is
believed that was not evaluated.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from burgee.testing.aws.template import Template

BY_LAMBDA: frozenset[str] = frozenset(
    {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "sqs:SendMessage",
    }
)
"""What Lambda does under a function's role: write its log, read its streams, put away what failed."""

IN_SUPPORT: Mapping[str, str] = {"s3:ListBucket": "s3:GetObject"}
"""Actions that no call is named after, and what they serve: only who may list gets 404 for a lost object."""

_STATEMENT_MEMBERS = {"Sid", "Effect", "Action", "Resource"}


class Call(msgspec.Struct, frozen=True, order=True):
    """One IAM action on one resource."""

    action: str
    arn: str


class Grant(msgspec.Struct, frozen=True, order=True):
    """One action and one pattern of resources that a statement allows or denies."""

    action: str
    resource: str
    is_allowed: bool = True

    def covers(self, call: Call) -> bool:
        """Whether the statement is about this call."""
        return _matches(self.action.lower(), call.action.lower()) and _matches(self.resource, call.arn)


def role_of(template: Template, function: str) -> str:
    """The logical id of a function's role. Raises ValueError unless it is written out in the template."""
    role = template.resources[function]["Properties"].get("Role")
    match role:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
        case _:
            raise ValueError(f"{function} has no role of its own in the template: {role}")


def grants(template: Template, function: str) -> tuple[Grant, ...]:
    """What the inline policies of a function's role say, action by action and resource by resource."""
    properties = template.properties(role_of(template, function))
    return tuple(
        grant
        for policy in properties.get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
        for grant in _of_statement(statement)
    )


def allowed(template: Template, function: str, action: str, arn: str) -> bool:
    """Whether the function's role lets it do this."""
    call = Call(action, arn)
    about = [grant for grant in grants(template, function) if grant.covers(call)]
    return bool(about) and all(grant.is_allowed for grant in about)


def missing(template: Template, function: str, calls: Iterable[Call]) -> tuple[Call, ...]:
    """The calls that the role would have refused."""
    return tuple(sorted({call for call in calls if not allowed(template, function, call.action, call.arn)}))


def unused(template: Template, function: str, calls: Iterable[Call]) -> tuple[Grant, ...]:
    """What the role allows though none of the calls needed it; what Lambda itself does needs no call."""
    made = tuple(calls)
    actions = {call.action for call in made}
    return tuple(
        sorted(
            grant
            for grant in grants(template, function)
            if grant.is_allowed
            and grant.action not in BY_LAMBDA
            and IN_SUPPORT.get(grant.action) not in actions
            and not any(grant.covers(call) for call in made)
        )
    )


def wildcards(template: Template) -> tuple[str, ...]:
    """Every statement of every role that names all actions of a service, all services or all resources."""
    found = []
    for role in template.of_type("AWS::IAM::Role"):
        for policy in template.properties(role).get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions, resources = _list(statement["Action"]), _list(statement["Resource"])
                if any("*" in action for action in actions) or "*" in resources:
                    found.append(f"{role}: {statement.get('Sid', statement)}")
    return tuple(found)


def _of_statement(statement: dict[str, Any]) -> Iterator[Grant]:
    unknown = set(statement) - _STATEMENT_MEMBERS
    if unknown:
        raise ValueError(f"a statement with {sorted(unknown)} is not evaluated here")
    is_allowed = {"Allow": True, "Deny": False}[statement["Effect"]]
    for action in _list(statement["Action"]):
        for resource in _list(statement["Resource"]):
            yield Grant(action, resource, is_allowed)


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, text: str) -> bool:
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
