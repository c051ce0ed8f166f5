"""F33: a sandbox that was frozen believes nothing of what it knew; others write the same tables meanwhile."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from burgee.testing.aws.api_front import ApiFront
from burgee.testing.aws.emulators import ENVIRONMENT, create_tables
from burgee.testing.aws.front_events import Route
from burgee.testing.aws.lambda_function import LambdaFunction
from burgee.testing.aws.moved_clock import MovedClock, await_stop

pytestmark = pytest.mark.aws
for _name in ("boto3", "awslambdaric", "mangum"):
    pytest.importorskip(_name)

FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
MakeManage = Callable[..., LambdaFunction]


@pytest.fixture
def pair(
    make_manage: MakeManage, moto_url: str, authorization: dict[str, str]
) -> Iterator[tuple[httpx.Client, httpx.Client, LambdaFunction]]:
    """Two functions over the same tables, as two sandboxes of one are."""
    create_tables(moto_url)
    settings = {
        **ENVIRONMENT,
        "AWS_ENDPOINT_URL": moto_url,
        "BURGEE_STORE": "dynamodb",
        "BURGEE_DATA": "",
        "BURGEE_BUDGET_WINDOW": "none",
    }
    first, second = make_manage(settings), make_manage(settings)
    route = "/{proxy+}"
    with (
        ApiFront([Route("ANY", route, first)]) as one,
        ApiFront([Route("ANY", route, second)]) as two,
        httpx.Client(base_url=one.url, headers=authorization, timeout=20, trust_env=False) as frozen,
        httpx.Client(base_url=two.url, headers=authorization, timeout=20, trust_env=False) as other,
    ):
        yield frozen, other, first


def test_f33_what_another_sandbox_published_is_evaluated_after_the_thaw(
    pair: tuple[httpx.Client, httpx.Client, LambdaFunction],
) -> None:
    frozen, other, function = pair
    name = "11111111-1111-4111-8111-111111111111"
    made = frozen.post("/feature-flags", json={"Name": "seed", "Description": "d", "UserId": "u"})
    assert made.status_code == 201, made.text
    flag = frozen.get("/feature-flags").json()[0]["id"]
    evaluation = f"/users/{name}/feature-flags/{flag}/evaluation"
    before = frozen.get(evaluation)
    assert before.status_code == 200, before.text
    await_stop(function.sandboxes()[0].pid)
    changed = other.patch(f"/feature-flags/{flag}", json={"Status": "DISABLED", "UserId": "u"})
    assert changed.status_code == 200, changed.text
    assert before.json() != frozen.get(evaluation).json()
    assert function.cold_starts == 1


def test_f33_a_stop_of_another_sandbox_holds_after_the_thaw(
    pair: tuple[httpx.Client, httpx.Client, LambdaFunction],
) -> None:
    frozen, other, _ = pair
    assert frozen.get("/api/v1/flags").status_code == 200
    stopped = other.post("/api/v1/budget/stop", json={"scope": "management", "reason": "drill"})
    assert stopped.status_code == 200, stopped.text
    time.sleep(0.5)  # what is known of the budget may be 0.4 seconds old, frozen or not
    assert frozen.get("/api/v1/flags").status_code == 429


def test_f33_after_minutes_of_standing_still_the_first_call_sees_what_others_wrote(
    make_manage: MakeManage, moto_url: str, authorization: dict[str, str], tmp_path: Path
) -> None:
    create_tables(moto_url)
    clock = MovedClock(tmp_path / "clock", os.environ.get("PYTHONPATH", ""))
    settings = {**ENVIRONMENT, "AWS_ENDPOINT_URL": moto_url, "BURGEE_STORE": "dynamodb", "BURGEE_DATA": ""}
    frozen, other = make_manage({**settings, **clock.environment}), make_manage(settings)
    with (
        ApiFront([Route("ANY", "/{proxy+}", frozen)]) as one,
        ApiFront([Route("ANY", "/{proxy+}", other)]) as two,
        httpx.Client(headers=authorization, timeout=20, trust_env=False) as client,
    ):
        made = client.put(f"{one.url}/api/v1/flags/a", json=FLAG)
        assert made.status_code == 201, made.text
        changed = client.put(f"{two.url}/api/v1/flags/a", json={**FLAG, "defaultVariant": "off"})
        assert changed.status_code == 200, changed.text
        clock.move(300)
        (sandbox,) = frozen.sandboxes()
        await_stop(sandbox.pid)
        seen = client.get(f"{one.url}/api/v1/flags/a")
        assert (seen.json()["version"], seen.json()["defaultVariant"]) == (2, "off")
        stale = client.put(f"{one.url}/api/v1/flags/a", json=FLAG, headers={"If-Match": made.headers["etag"]})
        assert stale.status_code == 412
        assert frozen.cold_starts == 1
