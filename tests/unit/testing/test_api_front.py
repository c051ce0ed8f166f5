"""The fronts: events, routes, limits, failures, and how gateway responses map them."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from burgee.model.json import JsonValue
from burgee.testing.aws.api_front import ApiFront, Throttle
from burgee.testing.aws.front_events import Kind, Route
from burgee.testing.aws.lambda_function import PayloadTooLargeError, ThrottledError
from burgee.testing.aws.runtime_api import Answered

MAPPED = {
    "DEFAULT_5XX": {
        "responseParameters": {
            "gatewayresponse.header.Access-Control-Allow-Origin": "method.request.header.Origin",
            "gatewayresponse.header.Access-Control-Allow-Credentials": "'true'",
        },
        "responseTemplates": {"application/json": '{"message":$context.error.messageString,"ours":true}'},
    },
    "THROTTLED": {"statusCode": 429, "responseTemplates": {"application/json": '{"slow":"down"}'}},
}
OK: JsonValue = {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "fine"}


class Function:
    """Answers what it is told to, and keeps the events."""

    def __init__(self, answer: Any = OK) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []

    def invoke(self, event: JsonValue) -> Answered:
        assert isinstance(event, dict)
        self.events.append(event)
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            self.answer = self.answer()
        return self.answer if isinstance(self.answer, Answered) else Answered(payload=self.answer)


Open = Callable[..., httpx.Client]


@pytest.fixture
def front() -> Iterator[Open]:
    opened: list[tuple[ApiFront, httpx.Client]] = []

    def make(function: Any, *, routes: list[Route] | None = None, **options: Any) -> httpx.Client:
        served = ApiFront(routes or [Route("ANY", "/{proxy+}", function)], **options)
        served.__enter__()
        client = httpx.Client(base_url=served.url, timeout=10, trust_env=False)
        opened.append((served, client))
        return client

    yield make
    for served, client in opened:
        client.close()
        served.__exit__()


@pytest.mark.parametrize("kind", list(Kind))
def test_an_answer_of_a_function_reaches_the_client(front: Open, kind: Kind) -> None:
    function = Function()
    answer = front(function, kind=kind).post("/flags/a?b=c", content=b"{}", headers={"X-Own": "1"})
    assert (answer.status_code, answer.text) == (200, "fine")
    assert answer.headers["content-type"] == "text/plain"
    assert "/flags/a" in {function.events[0].get("path"), function.events[0].get("rawPath")}


@pytest.mark.parametrize("kind", list(Kind))
def test_bytes_survive_both_ways(front: Open, kind: Kind) -> None:
    content = bytes(range(256))
    answer: JsonValue = {
        "statusCode": 200,
        "headers": {"content-type": "application/octet-stream"},
        "body": base64.b64encode(content).decode(),
        "isBase64Encoded": True,
    }
    function = Function(answer)
    response = front(function, kind=kind).put("/x", content=content)
    # A REST API without binary media types decodes no answer.
    assert response.content == (base64.b64encode(content) if kind is Kind.REST else content)
    assert base64.b64decode(function.events[0]["body"]) == content


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.REST, 500), (Kind.HTTP, 503), (Kind.URL, 429), (Kind.BALANCER, 502)]
)
def test_a_throttled_function_shows_as_each_front_shows_it(front: Open, kind: Kind, status: int) -> None:
    assert front(Function(ThrottledError()), kind=kind).get("/x").status_code == status


def test_behind_a_rest_api_it_is_the_words_of_aws(front: Open) -> None:
    assert front(Function(ThrottledError())).get("/x").json() == {"message": "Internal server error"}


def test_a_gateway_response_maps_it_with_cors_headers(front: Open) -> None:
    client = front(Function(ThrottledError()), responses=MAPPED)
    answer = client.get("/x", headers={"Origin": "https://a.example"})
    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal server error", "ours": True}
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "payload",
    [
        "text",
        {"body": "no status"},
        {"statusCode": "200", "body": ""},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        {"statusCode": 200, "unknown": 1},
        Answered(error="Unhandled", payload={"errorMessage": "the secret"}),
    ],
)
def test_a_malformed_answer_or_an_error_is_a_502_that_tells_nothing(front: Open, payload: Any) -> None:
    answer = front(Function(payload)).get("/x")
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_an_answer_that_is_not_the_base64_it_says_is_a_502(front: Open) -> None:
    payload: JsonValue = {"statusCode": 200, "body": "%", "isBase64Encoded": True}
    assert front(Function(payload), kind=Kind.BALANCER).get("/x").status_code == 502


def test_an_http_api_takes_anything_that_is_json_for_an_answer(front: Open) -> None:
    answer = front(Function({"a": 1}), kind=Kind.HTTP).get("/x")
    assert (answer.status_code, answer.json()) == (200, {"a": 1})


@pytest.mark.parametrize(("kind", "status"), [(Kind.REST, 504), (Kind.HTTP, 503)])
def test_a_late_answer_is_given_up(front: Open, kind: Kind, status: int) -> None:
    def late() -> JsonValue:
        time.sleep(0.5)
        return OK

    assert front(Function(late), kind=kind, timeout_seconds=0.1).get("/x").status_code == status


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_a_body_has_at_most_10_mb(front: Open, more: int, status: int) -> None:
    answer = front(Function()).post("/x", content=b"x" * (10 * 1024 * 1024 + more))
    assert answer.status_code == status


def test_an_event_that_lambda_does_not_take_is_too_large_too(front: Open) -> None:
    assert front(Function(PayloadTooLargeError())).post("/x").status_code == 413


def test_a_stage_throttles_after_its_burst(front: Open) -> None:
    client = front(Function(), throttle=Throttle(rate=0.001, burst=2), responses=MAPPED)
    assert [client.get("/x").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/x").json() == {"slow": "down"}


def test_a_bucket_fills_at_its_rate() -> None:
    throttle = Throttle(rate=20, burst=1)
    assert [throttle.admits(), throttle.admits()] == [True, False]
    time.sleep(0.1)
    assert throttle.admits()


def test_the_more_particular_route_is_taken(front: Open) -> None:
    names = ["/{proxy+}", "/flags/{id}", "/flags/new", "/flags/{id}/history"]
    functions = {name: Function({"statusCode": 200, "body": name}) for name in names}
    routes = [Route("ANY", name, function) for name, function in functions.items()]
    client = front(None, routes=[*routes, Route("DELETE", "/flags/{id}", Function({"statusCode": 204}))])
    sent = ["/flags/new", "/flags/7", "/flags/7/history", "/flags/7/more", "/"]
    found = [client.get(path).text for path in sent[:4]]
    assert found == ["/flags/new", "/flags/{id}", "/flags/{id}/history", "/{proxy+}"]
    assert client.delete("/flags/7").status_code == 204
    assert functions["/flags/{id}"].events[0]["pathParameters"] == {"id": "7"}


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [(Kind.REST, 403, "Missing Authentication Token"), (Kind.HTTP, 404, "Not Found")],
)
def test_what_no_route_takes_is_refused(front: Open, kind: Kind, status: int, words: str) -> None:
    answer = front(None, routes=[Route("GET", "/a", Function())], kind=kind).get("/b")
    assert (answer.status_code, answer.json()) == (status, {"message": words})


def test_a_stage_is_part_of_the_address(front: Open) -> None:
    function = Function()
    client = front(function, stage="prod")
    assert client.get("/flags").status_code == 200
    event = function.events[0]
    assert (event["path"], event["requestContext"]["path"]) == ("/flags", "/prod/flags")
    assert client.get(str(client.base_url).removesuffix("/prod/") + "/flags").status_code == 403


def test_an_http_api_decodes_the_path_and_loses_what_follows_a_question_mark(front: Open) -> None:
    function = Function()
    front(function, kind=Kind.HTTP).get("/a%2Fb%3Fc")
    assert function.events[0]["rawPath"] == "/a/b"


def test_a_rest_api_leaves_the_path_as_it_was_sent(front: Open) -> None:
    function = Function()
    front(function).get("/a%2Fb%3Fc")
    assert function.events[0]["path"] == "/a%2Fb%3Fc"
