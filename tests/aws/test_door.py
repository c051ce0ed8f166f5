"""The door of a stage, with the template's own routes and responses: what pages see while all stand still."""

from collections.abc import Iterator

import httpx
import pytest

pytestmark = pytest.mark.aws
for _name in ("boto3", "moto", "mangum", "awslambdaric"):
    pytest.importorskip(_name)

from burgee.testing.aws.deployment import Deployment  # noqa: E402
from burgee.testing.aws.template import read_template  # noqa: E402

ORIGIN = "https://app.example.com"
PATTERN = r"regex:https://([a-z0-9-]+\.)*example\.org"
TEMPLATE = read_template()
PATHS = sorted({route.path for route in TEMPLATE.routes()})


@pytest.fixture(scope="module")
def stage() -> Iterator[Deployment]:
    with Deployment(TEMPLATE, settings={"BURGEE_CORS_ORIGINS": f"{ORIGIN},{PATTERN}"}) as deployment:
        yield deployment


@pytest.fixture
def page(stage: Deployment) -> Iterator[httpx.Client]:
    """A browser whose page is of an allowed origin."""
    with httpx.Client(base_url=stage.url, headers={"Origin": ORIGIN}, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def stopped(stage: Deployment) -> Iterator[None]:
    """Everything that the brake may hold is at 0."""
    names = [TEMPLATE.name(logical) for logical in ("EvaluateFunction", "ManageFunction")]
    functions = stage.client("lambda")
    for name in names:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    for name in names:
        functions.delete_function_concurrency(FunctionName=name)


def filled(path: str) -> str:
    """An address that only this route has."""
    return path.replace("{proxy+}", "some/thing").replace("{userId}", "ada").replace("{flagId}", "f")


@pytest.mark.parametrize("path", PATHS)
def test_preflights_are_answered_on_every_route_while_the_functions_are_at_zero(
    path: str, page: httpx.Client, stopped: None
) -> None:
    answer = page.options(filled(path), headers={"Access-Control-Request-Method": "POST"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(("origin", "status"), [("https://a.example.org", 200), ("https://evil.com", 403)])
def test_which_origins_may_is_decided_as_the_functions_themselves_do(
    page: httpx.Client, origin: str, status: int
) -> None:
    answer = page.options("/ofrep/v1/evaluate/flags", headers={"Origin": origin})
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)


@pytest.mark.parametrize("path", ["/feature-flags", "/ofrep/v1/evaluate/flags/a", "/v1/flags", "/"])
def test_a_function_at_zero_is_503_in_json_that_a_page_can_read(
    path: str, page: httpx.Client, stopped: None
) -> None:
    answer = page.post(path, json={})
    assert answer.status_code == 503
    assert answer.json()["status"] == 503
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["retry-after"] == "5"


def test_the_brake_answers_while_the_others_are_at_zero(page: httpx.Client, stopped: None) -> None:
    assert page.post("/reset-limit", json={"pendingLimit": 5}).status_code == 401
    assert page.get("/api/v1/budget").status_code == 401
