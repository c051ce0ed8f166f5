"""The route table: places, parameters, methods and the reference (who may do what: test_role_matrix.py)."""

from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS


def test_no_two_operations_share_a_place_or_a_name() -> None:
    places = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(set(places)) == len(places) == len({operation.name for operation in OPERATIONS})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_wrong_token_is_401_with_one_and_the_same_body(operation: Operation, client: TestClient) -> None:
    if operation.permission is None:
        pytest.skip("open to all")
    path = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
    answers = set()
    for value in ("Bearer x", "Bearer a.b.c", "Bearer ", "Basic eDp4", "Bearer " + "x" * 9000, "bearer\tx"):
        response = client.request(
            operation.method, path, headers={"authorization": value, "x-request-id": "same"}
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        answers.add(response.content)
    assert len(answers) == 1


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_parameter_can_break_an_operation(operation: Operation, admin: TestClient) -> None:
    odd = ["%00", "%ff", "%ed%a0%80", "%F0%9F%98%80", "9" * 400, "-1", "1e9", "", "%0d%0a", "..", "'--", "%"]
    for text in odd:
        path = operation.path.replace("{flagSet}", text or "%20").replace("{key}", text or "%20")
        path = path.replace("{flagName}", text or "%20")
        assert _raw(admin, path, operation.method) < 500, path
        names = [parameter.name for parameter in operation.parameters] or ["x"]
        for name in names:
            place = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
            assert _raw(admin, f"{place}?{name}={text}", operation.method) < 500, (name, text)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_unknown_or_repeated_parameter_is_named(operation: Operation, admin: TestClient) -> None:
    if operation.dialect is not None:
        pytest.skip("the source passed unknown parameters over")
    path = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
    headers = {"content-type": operation.payload.media_types[0]} if operation.payload else {}
    response = admin.request(operation.method, f"{path}?nonsense=1", content=b"{}", headers=headers)
    assert response.status_code == 400
    assert "nonsense" in response.json()["detail"]


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_other_methods_are_405_with_those_allowed(path: str, client: TestClient) -> None:
    allowed = {operation.method for operation in OPERATIONS if operation.path == path}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    address = path.replace("{flagSet}", "default").replace("{key}", "banner")
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - allowed:
        response = client.request(method, address, headers={"x-http-method-override": "GET"})
        assert response.status_code == 405, method
        assert set(response.headers["allow"].split(", ")) == allowed


def _raw(client: TestClient, path: str, method: str = "GET") -> int:
    """Send `path` exactly as it is written: clients tidy paths up, attackers do not."""

    url = httpx.URL("http://testserver").copy_with(raw_path=path.encode())
    status: int = client.request(method, url).status_code
    return status


def test_the_reference_lists_every_route() -> None:
    page = (Path(__file__).parents[4] / "docs/reference/http-api.md").read_text()
    for operation in OPERATIONS:
        needs = operation.permission.value if operation.permission is not None else "anybody"
        assert f"| {operation.method} | `{operation.path}` | {needs} | {operation.summary} |" in page


@pytest.mark.parametrize(
    "path", ["/docs%0A", "/healthz%0A", "/api/v1/flags%0A", "/budget%0A", "/ofrep/v1/evaluate/flags%0A"]
)
def test_a_line_break_at_the_end_is_part_of_the_path(admin: TestClient, path: str) -> None:
    assert (admin.get if "ofrep" not in path else admin.post)(path).status_code == 404
