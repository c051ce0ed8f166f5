"""Import, export, validate."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.formats import flagd

DOCUMENT: dict[str, Any] = {
    "flags": {
        "banner": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"},
        "color": {"state": "ENABLED", "variants": {"red": "#f00", "blue": "#00f"}, "defaultVariant": "red"},
    }
}
BROKEN = {"flags": {"x": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "gone"}}}


def test_an_import_publishes_all_flags_at_one_revision(admin: TestClient) -> None:
    body = admin.post("/api/v1/import?flagSet=shop", json=DOCUMENT).json()
    assert {(change["key"], change["change"]) for change in body["changes"]} == {
        ("banner", "created"),
        ("color", "created"),
    }
    assert body["revisions"] == {"shop": 1}
    assert "before" not in body["changes"][0]
    assert admin.get("/api/v1/flag-sets/shop/flags/color").json()["defaultVariant"] == "red"


def test_a_dry_run_shows_both_sides_and_writes_nothing(admin: TestClient) -> None:
    admin.post("/api/v1/import", json=DOCUMENT)
    changed = json.loads(json.dumps(DOCUMENT))
    changed["flags"]["banner"]["defaultVariant"] = "on"
    body = admin.post("/api/v1/import?dryRun=true", json=changed).json()
    assert body["dryRun"] is True
    sides = {change["key"]: change for change in body["changes"]}
    assert sides["banner"]["change"] == "updated"
    assert sides["banner"]["before"]["defaultVariant"] == "off"
    assert sides["banner"]["after"]["defaultVariant"] == "on"
    assert sides["color"]["change"] == "unchanged"
    assert admin.get("/api/v1/flags/banner").json()["defaultVariant"] == "off"


def test_replace_deletes_what_the_document_does_not_have(admin: TestClient) -> None:
    admin.post("/api/v1/import", json=DOCUMENT)
    fewer = {"flags": {"color": DOCUMENT["flags"]["color"]}}
    admin.post("/api/v1/import", json=fewer)
    assert admin.get("/api/v1/flags/banner").status_code == 200
    admin.post("/api/v1/import?replace=true", json=fewer)
    assert admin.get("/api/v1/flags/banner").status_code == 404


def test_a_faulty_document_changes_nothing_and_every_fault_is_named(admin: TestClient) -> None:
    response = admin.post("/api/v1/import", json={"flags": DOCUMENT["flags"] | BROKEN["flags"]})
    assert response.status_code == 400
    assert any("/flags/x" in fault["pointer"] for fault in response.json()["errors"])
    assert admin.get("/api/v1/flags").json()["items"] == []


def test_an_import_repeats_by_its_key(admin: TestClient) -> None:
    headers = {"idempotency-key": "import-1"}
    first = admin.post("/api/v1/import", json=DOCUMENT, headers=headers)
    again = admin.post("/api/v1/import", json=DOCUMENT, headers=headers)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"


def test_a_remembered_answer_is_not_given_beyond_the_rights_of_who_asks(
    admin: TestClient, as_role: Callable[..., TestClient]
) -> None:
    # Two tokens of one subject, one of them bound: to the memory of answers they are the same caller.
    headers = {"idempotency-key": "import-2"}
    assert admin.post("/api/v1/import", json=DOCUMENT, headers=headers).status_code == 200
    bound = as_role("admin", "shop").post("/api/v1/import", json=DOCUMENT, headers=headers)
    assert bound.status_code == 403
    assert "idempotency-replayed" not in bound.headers
    reached = as_role("admin", "shop", "default").post("/api/v1/import", json=DOCUMENT, headers=headers)
    assert (reached.status_code, reached.headers["idempotency-replayed"]) == (200, "true")


def test_what_is_exported_can_be_imported_unchanged(admin: TestClient) -> None:
    admin.post("/api/v1/import", json=DOCUMENT)
    exported = admin.get("/api/v1/export")
    assert exported.headers["content-type"].startswith("application/json")
    body = admin.post("/api/v1/import", json=exported.json()).json()
    assert {change["change"] for change in body["changes"]} == {"unchanged"}
    assert admin.get("/api/v1/export?flagSet=nowhere").status_code == 404


def test_yaml_is_read_as_well(admin: TestClient) -> None:
    text = """
flags:
  banner:
    state: ENABLED
    variants: {"on": true, "off": false}
    defaultVariant: "on"
"""
    response = admin.post("/api/v1/import", content=text, headers={"content-type": "application/yaml"})
    assert response.status_code == 200, response.text
    assert admin.get("/api/v1/flags/banner").json()["defaultVariant"] == "on"


def test_a_bound_editor_imports_only_into_its_sets(as_role: Callable[..., TestClient]) -> None:
    bound = as_role("editor", "shop")
    assert bound.post("/api/v1/import?flagSet=shop", json=DOCUMENT).status_code == 200
    assert bound.post("/api/v1/import", json=DOCUMENT).status_code == 403
    elsewhere = DOCUMENT | {"metadata": {"flagSetId": "other"}}
    assert bound.post("/api/v1/import?flagSet=shop", json=elsewhere).status_code == 403


@pytest.mark.parametrize(
    ("query", "flag_set_id", "status"),
    [
        ("", "sso/dev", 200),
        ("&source=", "sso/dev", 200),
        ("&replace=true", "sso/dev", 200),
        ("&source=default.json", "sso/dev", 403),
        ("&source=default.json&dryRun=true", "sso/dev", 403),
    ],
)
def test_a_bound_editor_imports_no_place_before_other_sets(
    as_role: Callable[..., TestClient], admin: TestClient, query: str, flag_set_id: str, status: int
) -> None:
    key = flagd.flag_set_key(flag_set_id)
    bound = as_role("editor", key)
    document = DOCUMENT | {"metadata": {"flagSetId": flag_set_id}}
    for again in ("first", "again"):
        response = bound.post(f"/api/v1/import?flagSet={key}{query}", json=document)
        assert response.status_code == status, (again, response.text)
    assert admin.get(f"/api/v1/flag-sets/{key}").status_code == (200 if status == 200 else 404)


def test_a_bound_editor_does_not_import_away_the_id_of_its_set(
    as_role: Callable[..., TestClient], admin: TestClient
) -> None:
    admin.put("/api/v1/flag-sets/shop", json={"metadata": {"flagSetId": "shop/1"}})
    bound = as_role("editor", "shop")
    assert bound.post("/api/v1/import?flagSet=shop&replace=true", json=DOCUMENT).status_code == 403
    assert bound.post("/api/v1/import?flagSet=shop", json=DOCUMENT).status_code == 200


@pytest.mark.parametrize(
    ("document", "valid"), [(DOCUMENT, True), (BROKEN, False), ([], False), ("{", False)]
)
def test_validating_answers_and_writes_nothing(admin: TestClient, document: Any, valid: bool) -> None:
    response = admin.post("/api/v1/validate", json=document)
    assert response.status_code == 200
    assert response.json()["valid"] is valid
    assert bool(response.json()["faults"]) is not valid
    assert admin.get("/api/v1/flags").json()["items"] == []


def rules(count: int, rule: Any) -> dict[str, Any]:
    flag = DOCUMENT["flags"]["banner"]
    return {"flags": {f"f{each}": flag | {"targeting": rule} for each in range(count)}}


@pytest.mark.parametrize(("count", "told"), [(999, 999), (1000, 1000), (1001, 1001), (3000, 1001)])
@pytest.mark.parametrize(
    "document", [lambda count: rules(count, {"bogus": [1]}), lambda count: {"flags": [1] * count}]
)
def test_of_very_many_faults_a_thousand_are_told(
    admin: TestClient, document: Callable[[int], Any], count: int, told: int
) -> None:
    content = json.dumps(document(count))
    headers = {"content-type": "application/yaml"}
    faults = admin.post("/api/v1/validate", content=content, headers=headers).json()["faults"]
    assert len(faults) == told
    assert (faults[-1]["code"] == "too-many-faults") is (count > 1000)


def test_a_faulty_import_tells_no_more_either(admin: TestClient) -> None:
    document = rules(1500, {"bogus": [1]})
    document["flags"]["x"] = 1
    errors = admin.post("/api/v1/import", json=document).json()["errors"]
    assert (len(errors), errors[-1]["code"]) == (1001, "too-many-faults")


def test_of_very_many_warnings_a_thousand_are_told(admin: TestClient) -> None:
    unreachable = rules(1100, {"if": [True, "on", "off"]})
    body = admin.post("/api/v1/validate", json=unreachable).json()
    assert body["valid"] is True
    assert len(body["warnings"]) == 1000


def test_faults_of_evaluators_are_told_once_for_all_sets(admin: TestClient) -> None:
    flag = DOCUMENT["flags"]["banner"]
    flags = {f"f{each}": flag | {"metadata": {"flagSetId": f"s{each}"}} for each in range(5)}
    body = admin.post("/api/v1/validate", json={"flags": flags, "$evaluators": {"e": {"bogus": [1]}}}).json()
    assert [fault["pointer"] for fault in body["faults"]] == ["/evaluators/e/bogus"]
