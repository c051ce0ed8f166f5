"""What stands before our paths in an address, by what events of payload format 1.0 say."""

from typing import Any

import pytest

from burgee.surfaces.lambda_answers import write_answer
from burgee.surfaces.lambda_events import read_event
from burgee.surfaces.mount import mount_of

PROXY = "/{proxy+}"


def event_of(
    path: str, *, whole: str, resource: str = PROXY, parameters: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "resource": resource,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {"Host": ["flags.example.com"]},
        "pathParameters": parameters,
        "requestContext": {"path": whole, "stage": "prod", "domainName": "flags.example.com"},
        "body": None,
        "isBase64Encoded": False,
    }


CASES = [
    # AWS's own name: the stage stands only in the context.
    (event_of("/docs", whole="/prod/docs", parameters={"proxy": "docs"}), "/prod", "/docs"),
    (event_of("/", whole="/prod/", resource="/"), "/prod", "/"),
    (event_of("/", whole="/prod", resource="/"), "/prod", "/"),
    # A stage that is called as one of our paths.
    (event_of("/docs/style.css", whole="/docs/docs/style.css"), "/docs", "/docs/style.css"),
    # A custom domain without a base path.
    (event_of("/docs", whole="/docs", parameters={"proxy": "docs"}), "", "/docs"),
    (event_of("/", whole="/", resource="/"), "", "/"),
    # A custom domain with a base path: it stands in both.
    (event_of("/flags/docs", whole="/flags/docs", parameters={"proxy": "docs"}), "/flags", "/docs"),
    (event_of("/a/b/docs", whole="/a/b/docs", parameters={"proxy": "docs"}), "/a/b", "/docs"),
    (event_of("/flags", whole="/flags", resource="/"), "/flags", "/"),
    (event_of("/flags/", whole="/flags/", resource="/"), "/flags", "/"),
    (event_of("/docs/docs", whole="/docs/docs", parameters={"proxy": "docs"}), "/docs", "/docs"),
    (
        event_of(
            "/flags/users/a%2Fb/feature-flags",
            whole="/flags/users/a%2Fb/feature-flags",
            resource="/users/{userId}/feature-flags",
            parameters={"userId": "a/b"},
        ),
        "/flags",
        "/users/a%2Fb/feature-flags",
    ),
    (
        event_of(
            "/flags/users/a%252Fb/feature-flags",
            whole="/flags/users/a%252Fb/feature-flags",
            resource="/users/{userId}/feature-flags",
            parameters={"userId": "a%2Fb"},
        ),
        "/flags",
        "/users/a%252Fb/feature-flags",
    ),
    (event_of("/flags/docs/", whole="/flags/docs/", parameters={"proxy": "docs"}), "/flags", "/docs/"),
    # An HTTP API with payload 1.0: the stage stands in both.
    (event_of("/prod/docs", whole="/prod/docs", parameters={"proxy": "docs"}), "/prod", "/docs"),
    # Nothing that fits, or nothing said: the path is as it is.
    (event_of("/flags/docs", whole="/flags/docs", parameters={"proxy": "other"}), "", "/flags/docs"),
    (event_of("/flags/docs", whole=""), "", "/flags/docs"),
    # Nobody gets addresses of another host into our pages.
    (event_of("//docs", whole="//docs", parameters={"proxy": "docs"}), "", "/docs"),
    (event_of('/"x/docs', whole='/"x/docs', parameters={"proxy": "docs"}), "", "/docs"),
]


@pytest.mark.parametrize(("event", "base", "path"), CASES)
def test_the_base_is_told_from_our_path(event: dict[str, Any], base: str, path: str) -> None:
    assert mount_of(event, event["requestContext"]) == (base, path)


@pytest.mark.parametrize(("event", "base", "path"), CASES)
def test_a_request_has_our_path_and_an_answer_the_base(event: dict[str, Any], base: str, path: str) -> None:
    request = read_event(event)
    assert (request.raw_path, request.prefix) == (path, base)
    answer = write_answer(request.kind, 303, [(b"location", b"/docs")], b"", prefix=request.prefix)
    assert answer["multiValueHeaders"]["location"] == [f"{base}/docs"]


def test_a_load_balancer_has_no_base() -> None:
    event = {**event_of("/flags/docs", whole=""), "requestContext": {"elb": {}}}
    request = read_event(event)
    assert (request.path, request.prefix) == ("/flags/docs", "")
