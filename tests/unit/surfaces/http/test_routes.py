"""Who may do what: every route by every kind of caller, against a table that is written down here."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS

CALLERS = ("anonymous", "reader", "editor", "admin", "sdk-server", "sdk-client")

# One column for each caller above: y may, n is refused with 403, - is refused with 401.
EXPECTED = {
    "listFlagSets": "-yyynn",
    "getFlagSet": "-yyynn",
    "putFlagSet": "-nyynn",
    "patchFlagSet": "-nyynn",
    "listFlags": "-yyynn",
    "getFlag": "-yyynn",
    "putFlag": "-nyynn",
    "patchFlag": "-nyynn",
    "deleteFlag": "-nyynn",
    "listFlagHistory": "-yyynn",
    "restoreFlag": "-nyynn",
    "getDefaultFlag": "-yyynn",
    "putDefaultFlag": "-nyynn",
    "patchDefaultFlag": "-nyynn",
    "deleteDefaultFlag": "-nyynn",
    "listDefaultFlagHistory": "-yyynn",
    "restoreDefaultFlag": "-nyynn",
    "importDocument": "-nyynn",
    "exportDocument": "-yyynn",
    "validateDocument": "-yyynn",
    "listAudit": "-yyynn",
    "verifyAudit": "-yyynn",
    "createToken": "-nnynn",
    "whoAmI": "-yyyyy",
    "getStatus": "-yyynn",
    "getFlagUsage": "-yyynn",
    "getDefaultFlagUsage": "-yyynn",
    "listDeadLetters": "-yyynn",
    "getOpenApi": "yyyyyy",
    "getDocs": "yyyyyy",
    "getDocsStyle": "yyyyyy",
    "getDocsScript": "yyyyyy",
    "showSignIn": "yyyyyy",
    "signIn": "yyyyyy",
    "signOut": "yyyyyy",
}


def test_every_operation_is_in_the_table() -> None:
    assert sorted(EXPECTED) == sorted(operation.name for operation in OPERATIONS)


def test_no_two_operations_share_a_place_or_a_name() -> None:
    places = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(set(places)) == len(places) == len({operation.name for operation in OPERATIONS})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_caller_may_do_what_the_table_says(
    operation: Operation, client: TestClient, as_role: Callable[..., TestClient]
) -> None:
    path = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
    for caller, expected in zip(CALLERS, EXPECTED[operation.name], strict=True):
        who = client if caller == "anonymous" else as_role(caller)
        content = b"{}" if operation.payload else None
        headers = {"content-type": operation.payload.media_types[0]} if operation.payload else {}
        status = who.request(operation.method, path, content=content, headers=headers).status_code
        got = {401: "-", 403: "n"}.get(status, "y")
        if operation.name == "signIn":
            got = "y" if status == 401 else "n"  # an empty form holds no code, and that is all that is wrong
        assert got == expected, (caller, status)
        assert status < 500


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


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/flags/",
        "//api/v1/flags",
        "/api//v1/flags",
        "/api/v1/./flags",
        "/api/v1/x/../flags",
        "/docs/../api/v1/flags",
        "/docs/%2e%2e/api/v1/flags",
        "/docs/..%2fapi/v1/flags",
        "/openapi.json/../api/v1/flags",
        "/api/v1/flags;x=1",
        "/api/v1/flags;/docs",
        "/API/v1/flags",
        "/api/v1/flags%00",
        "/api/v1/flags%0a",
        "/api/v1/flags.",
        "/api/v1/flags%20",
        "/api/v1/flags/banner%2fhistory",
        "/api/v1/flags/%2e%2e/flags/banner%2Fhistory",
        "/sign-in/../api/v1/flags",
        "/api/v1/flags?x=/docs",
        "/api/v1/tokens/../whoami",
    ],
)
def test_no_way_of_writing_a_path_opens_it(path: str, client: TestClient) -> None:
    assert _raw(client, path) in (401, 404)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_parameter_can_break_an_operation(operation: Operation, admin: TestClient) -> None:
    odd = ["%00", "%ff", "%ed%a0%80", "%F0%9F%98%80", "9" * 400, "-1", "1e9", "", "%0d%0a", "..", "'--", "%"]
    for text in odd:
        path = operation.path.replace("{flagSet}", text or "%20").replace("{key}", text or "%20")
        assert _raw(admin, path, operation.method) < 500, path
        names = [parameter.name for parameter in operation.parameters] or ["x"]
        for name in names:
            place = operation.path.replace("{flagSet}", "default").replace("{key}", "banner")
            assert _raw(admin, f"{place}?{name}={text}", operation.method) < 500, (name, text)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_unknown_or_repeated_parameter_is_named(operation: Operation, admin: TestClient) -> None:
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
