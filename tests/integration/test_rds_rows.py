"""The behaviour checklist of source-systems.md, section 6: flags and mappings, against a real server.

Each test has the number of its row; rows 45 to 69 are in test_rds_rows_access.py, 70 to 90 in
test_rds_rows_limits.py. The last test here counts them. Rows about AWS are proved as far as they hold on one
machine; LATER says who does the rest.
"""

import ast
import json
import re
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.testing.rds import RdsClient

LATER = {
    63: "issue 4 reads the key from an SSM parameter that the environment names",
    74: "issue 4 sets the reserved concurrency of the functions to 0 when the breaker trips",
    86: "issue 4 takes a direct invocation with intValue",
    87: "issue 4 names the functions whose concurrency could not be changed",
    88: "issue 4 has the template with tables, roles, logs and names",
    89: "issue 4 has the tables featureFlag, featureFlagUserMapping and requestLimit",
}
FLAG_FIELDS = ["id", "name", "description", "status", "createdAt", "createdBy", "updatedAt", "updatedBy"]
MAPPING_FIELDS = ["userId", "flagId", "status", "createdAt", "createdBy", "updatedAt", "updatedBy"]
UNREADABLE = "Error unmarshalling request body"
NAME_AND_DESCRIPTION = "Check the request body passed name and description are required."
STATUS_REQUIRED = "Check the request body passed status is required."
NO_FLAG = "Feature flag not found"
NO_MAPPING = "User feature flag not found"
FAILURE = "Something went wrong, please try again."


def flag_path(flag: dict[str, Any]) -> str:
    return f"/feature-flags/{flag['id']}"


def mapping_path(flag: dict[str, Any], user: str = "") -> str:
    return f"/users/{user or uuid.uuid4()}/feature-flags/{flag['id']}"


# --- health, creation ---


def test_row_01_health_check_answers_without_any_header(rds: RdsClient) -> None:
    for path in ("/health-check", "/health-check/"):
        answer = httpx.get(rds.server.url + path)
        assert (answer.status_code, answer.text) == (200, "Server health is good!!")


def test_row_02_creation_is_201_with_data_and_message(rds: RdsClient) -> None:
    answer = rds.call("POST", "/feature-flags", {"name": "two", "description": "d", "userId": "ada"})
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["data", "message"]
    assert body["message"] == "Created feature flag successfully"
    assert list(body["data"]) == [*FLAG_FIELDS[:3], *FLAG_FIELDS[4:], "status"]


def test_row_03_the_id_is_a_uuid_of_version_4(rds: RdsClient) -> None:
    text = rds.flag()["id"]
    found = uuid.UUID(text)
    assert (found.version, str(found)) == (4, text)


def test_row_04_a_new_flag_is_enabled(rds: RdsClient) -> None:
    assert rds.flag()["status"] == "ENABLED"
    assert rds.flag(status="DISABLED")["status"] == "ENABLED"


def test_row_05_both_times_are_whole_unix_seconds_of_now(rds: RdsClient) -> None:
    flag = rds.flag()
    assert flag["createdAt"] == flag["updatedAt"]
    assert isinstance(flag["createdAt"], int)
    assert abs(flag["createdAt"] - time.time()) <= 5


def test_row_06_who_creates_stands_in_both_places(rds: RdsClient) -> None:
    flag = rds.as_user("grace", "editor").flag()
    assert flag["createdBy"] == flag["updatedBy"] == "grace"


@pytest.mark.parametrize("named", ["somebody-else", "ada", ""])
def test_row_07_who_acts_is_whom_the_token_is_for(rds: RdsClient, strict: RdsClient, named: str) -> None:
    for api in (rds, strict):
        flag = api.flag(userId=named)
        changed = api.call("PATCH", flag_path(flag), {"status": "DISABLED", "userId": named}).json()
        mapping = api.call("POST", mapping_path(flag), {"status": "ENABLED", "userId": named}).json()
        assert {flag["createdBy"], changed["updatedBy"], mapping["createdBy"]} == {"ada"}


@pytest.mark.parametrize(
    "body",
    [
        {"Name": "Dark mode", "Description": "d", "UserId": ""},
        {"NAME": "Dark mode", "dEsCrIpTiOn": "d", "userid": "ada"},
    ],
)
def test_row_08_keys_count_in_any_case(rds: RdsClient, body: dict[str, str]) -> None:
    answer = rds.call("POST", "/feature-flags", body)
    assert (answer.status_code, answer.json()["data"]["name"]) == (201, "Dark mode")
    assert rds.call("PATCH", flag_path(answer.json()["data"]), {"Status": "DISABLED"}).status_code == 200


def test_row_08_two_spellings_of_one_key_are_refused(rds: RdsClient) -> None:
    body = b'{"name": "a", "Name": "b", "description": "d"}'
    rds.refused(422, UNREADABLE, "POST", "/feature-flags", body)


def test_row_09_user_id_may_be_left_out(rds: RdsClient) -> None:
    answer = rds.call("POST", "/feature-flags", {"name": "nine", "description": "d"})
    assert answer.status_code == 201
    assert answer.json()["data"]["createdBy"] == "ada"


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "n"}, {"description": "d"}, {"name": None, "description": "d"}]
)
def test_row_10_a_missing_or_empty_field_is_400(
    rds: RdsClient, strict: RdsClient, body: dict[str, str]
) -> None:
    rds.refused(400, NAME_AND_DESCRIPTION, "POST", "/feature-flags", body)
    old = strict.call("POST", "/feature-flags", body)
    words = "Check the request body passed name, description and userId are required."
    assert (old.status_code, old.text) == (400, words)


@pytest.mark.parametrize("body", [b"{", b"", b"{]", b'"\xff"', b'{"name": "a", "name": "b"}'])
def test_row_11_malformed_json_on_creation_is_422(rds: RdsClient, body: bytes) -> None:
    rds.refused(422, UNREADABLE, "POST", "/feature-flags", body)


@pytest.mark.parametrize(
    "body", [{"name": 5, "description": "d"}, {"name": "n", "description": []}, {"userId": 1}, [], "x", 7]
)
def test_row_12_a_wrong_type_on_creation_is_422(rds: RdsClient, body: Any) -> None:
    rds.refused(422, UNREADABLE, "POST", "/feature-flags", json.dumps(body).encode())


def test_row_13_null_is_an_empty_body_and_unknown_fields_are_passed_over(rds: RdsClient) -> None:
    rds.refused(400, NAME_AND_DESCRIPTION, "POST", "/feature-flags", b"null")
    body = {"name": "n", "description": "d", "colour": {"deep": [1]}, "id": "mine"}
    answer = rds.call("POST", "/feature-flags", body)
    assert answer.status_code == 201
    assert answer.json()["data"]["id"] != "mine"


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("name", "x" * 257, "name must have at most 256 characters."),
        ("name", "x" * 10_000, "name must have at most 256 characters."),
        ("name", " \t\n", "name must not be blank."),
        ("description", "x" * 4_097, "description must have at most 4096 characters."),
        ("description", "  ", "description must not be blank."),
    ],
)
def test_row_14_texts_have_limits(rds: RdsClient, field: str, text: str, message: str) -> None:
    body = {"name": "n", "description": "d", field: text}
    rds.refused(400, message, "POST", "/feature-flags", body)
    rds.refused(400, message, "PATCH", flag_path(rds.flag()), {field: text})


def test_row_14_texts_as_long_as_the_limit_are_taken_whole(rds: RdsClient) -> None:
    flag = rds.flag(name="ä" * 256, description="x" * 4_096)
    assert (len(flag["name"]), len(flag["description"])) == (256, 4_096)


@pytest.mark.parametrize("name", ["same name", "日本語", "!!!", "x" * 256])
def test_row_15_names_repeat_and_ids_do_not(rds: RdsClient, name: str) -> None:
    made = [rds.flag(name=name) for _ in range(3)]
    assert [flag["name"] for flag in made] == [name] * 3
    assert len({flag["id"] for flag in made}) == 3
    # So do the keys, by which the flags are evaluated: the slug of the name, then with a part of the id.
    items = rds.read("/api/v1/flags?limit=1000")["items"]
    keys = {flag["id"]: flag["key"] for flag in items}
    first, second, third = (keys[flag["id"]] for flag in made)
    assert (second[-9:], third[-9:]) == (f"-{made[1]['id'][:8]}", f"-{made[2]['id'][:8]}")
    assert first.startswith(second[:-9])


# --- reading flags ---


def test_row_16_the_list_is_an_array_of_eight_fields(rds: RdsClient) -> None:
    made = rds.flag()
    found = rds.read("/feature-flags")
    assert made["id"] in [flag["id"] for flag in found]
    assert all(list(flag) == FLAG_FIELDS for flag in found)


def test_row_17_no_flags_are_an_empty_array(fresh: RdsClient) -> None:
    assert fresh.read("/feature-flags") == []


def test_row_17_no_flags_are_404_with_the_old_answers(strict: RdsClient) -> None:
    for flag in strict.call("GET", "/feature-flags").json() if _has_flags(strict) else []:
        strict.call("DELETE", flag_path(flag))
    answer = strict.call("GET", "/feature-flags")
    assert (answer.status_code, answer.text) == (404, "No feature flags found.")


def test_row_18_a_list_of_three_thousand_flags_is_whole(fresh: RdsClient) -> None:
    variants = {"on": "x" * 1_000, "off": ""}
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "on"}
    document = {"flags": {f"f{number}": flag for number in range(3_000)}}
    assert fresh.call("POST", "/api/v1/import", document).status_code == 200
    found = fresh.read("/feature-flags")
    assert len({flag["id"] for flag in found}) == len(found) == 3_000
    assert paged(fresh, "/feature-flags", limit=700) == found


def paged(api: RdsClient, path: str, *, limit: int) -> list[Any]:
    """The whole list, page by page along the Link headers."""
    url = httpx.URL(api.server.url + path, params={"limit": limit})
    items: list[Any] = []
    while True:
        answer = api.http.get(url)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) <= limit
        items += answer.json()
        if "next" not in answer.links:
            return items
        url = url.join(answer.links["next"]["url"])


def test_row_19_a_path_may_end_in_a_slash(rds: RdsClient) -> None:
    made = rds.call("POST", "/feature-flags/", {"name": "n", "description": "d"})
    assert made.status_code == 201
    flag = made.json()["data"]
    path = mapping_path(flag, "slash")
    assert rds.call("POST", path + "/", {"status": "ENABLED"}).status_code == 200
    lists = ("/feature-flags", "/users/slash/feature-flags", "/users/slash/feature-flags/evaluation")
    for each in (flag_path(flag), path, path + "/evaluation", *lists):
        assert rds.read(each) == rds.read(each + "/")
    assert rds.call("GET", "/feature-flags//").status_code == 404
    assert rds.call("GET", "/feature-flags/?_=123").status_code == 200


def test_row_20_one_flag_by_its_id(rds: RdsClient) -> None:
    made = rds.flag()
    found = rds.read(flag_path(made))
    assert list(found) == FLAG_FIELDS
    assert found == made
    assert found in rds.read("/feature-flags")


def test_row_21_an_unknown_id_is_404(rds: RdsClient, strict: RdsClient) -> None:
    rds.refused(404, NO_FLAG, "GET", f"/feature-flags/{uuid.uuid4()}")
    old = strict.call("GET", f"/feature-flags/{uuid.uuid4()}")
    assert (old.status_code, old.text) == (404, NO_FLAG)
    assert old.headers["content-type"] == "application/json"


@pytest.mark.parametrize("text", ["abc", "0", "x" * 1000, "a%22b", "%F0%9F%98%80", "%25"])
def test_row_22_an_id_that_is_no_uuid_is_404(rds: RdsClient, text: str) -> None:
    rds.refused(404, NO_FLAG, "GET", f"/feature-flags/{text}")


def test_row_22_an_id_counts_to_the_letter(rds: RdsClient) -> None:
    made = rds.flag()
    rds.refused(404, NO_FLAG, "GET", f"/feature-flags/{made['id'].upper()}")
    rds.refused(404, NO_FLAG, "GET", f"/feature-flags/{made['id'][:-1]}")


# --- changing flags ---


def test_row_23_a_patch_answers_the_whole_flag_and_keeps_its_creation(rds: RdsClient) -> None:
    made = rds.flag()
    time.sleep(1.1)
    answer = rds.as_user("grace").call("PATCH", flag_path(made), {"status": "DISABLED", "userId": "grace"})
    assert answer.status_code == 200
    after = answer.json()
    assert list(after) == FLAG_FIELDS
    assert after == rds.read(flag_path(made))
    assert after["updatedAt"] > made["updatedAt"]
    changed = {"status": "DISABLED", "updatedBy": "grace", "updatedAt": after["updatedAt"]}
    assert after == {**made, **changed}


@pytest.mark.parametrize("text", ["disabled", "Disabled", "DISABLED"])
def test_row_24_a_status_is_kept_in_upper_case(rds: RdsClient, text: str) -> None:
    made = rds.flag()
    assert rds.call("PATCH", flag_path(made), {"status": text}).json()["status"] == "DISABLED"
    assert rds.read(flag_path(made))["status"] == "DISABLED"


@pytest.mark.parametrize("text", ["enabled", "EnAbLeD", "ENABLED"])
def test_row_25_a_status_counts_in_any_case(rds: RdsClient, text: str) -> None:
    answer = rds.call("PATCH", flag_path(rds.flag()), {"status": text, "userId": "ada"})
    assert (answer.status_code, answer.json()["status"]) == (200, "ENABLED")


@pytest.mark.parametrize("text", ["ON", "true", " ENABLED", "ENABLED\n", "ENABLEDX"])
def test_row_26_another_status_is_400(rds: RdsClient, text: str) -> None:
    words = "Allowed values of Status are ENABLED, DISABLED"
    flag = rds.flag()
    rds.refused(400, words, "PATCH", flag_path(flag), {"status": text, "userId": "ada"})
    rds.refused(400, words, "POST", mapping_path(flag), {"status": text, "userId": "ada"})
    assert rds.read(flag_path(flag)) == flag


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"userId": "u"}', STATUS_REQUIRED),
        (b'{"status": "", "userId": "u"}', STATUS_REQUIRED),
        (b"null", STATUS_REQUIRED),
        (b"{", "Error in reading input"),
        (b"", "Error in reading input"),
        (b'{"status": 1}', "Error in reading input"),
        (b"[]", "Error in reading input"),
    ],
)
def test_row_27_a_patch_without_status_or_json_is_400(rds: RdsClient, body: bytes, message: str) -> None:
    rds.refused(400, message, "PATCH", flag_path(rds.flag()), body)


def test_row_28_a_patch_of_an_unknown_id_is_404_and_makes_nothing(rds: RdsClient) -> None:
    path = f"/feature-flags/{uuid.uuid4()}"
    words = "Feature flag with given flagId doesn't exists"
    rds.refused(404, words, "PATCH", path, {"status": "ENABLED", "userId": "ada"})
    rds.refused(404, NO_FLAG, "GET", path)


def test_row_29_a_store_that_fails_under_a_patch_gives_5xx(fresh: RdsClient) -> None:
    made = fresh.flag()
    with blocked(fresh):
        answer = fresh.call("PATCH", flag_path(made), {"status": "DISABLED"})
    assert answer.status_code >= 500
    assert fresh.read(flag_path(made)) == made


def blocked(api: RdsClient) -> "Blocked":
    return Blocked(next(api.server.data.glob("*.db")))


class Blocked:
    """The database as it is while something else writes and does not come to an end."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def test_row_30_name_and_description_can_be_changed(rds: RdsClient, strict: RdsClient) -> None:
    made = rds.flag()
    for body in ({"name": "new name"}, {"description": "new words"}, {"Name": "n", "status": "DISABLED"}):
        answer = rds.call("PATCH", flag_path(made), body)
        assert answer.status_code == 200
        assert {key.lower(): text for key, text in body.items()}.items() <= answer.json().items()
        assert rds.read(flag_path(made)) == answer.json()
    old = strict.flag(name="as it was")
    body = {"name": "other", "status": "DISABLED"}
    assert strict.call("PATCH", flag_path(old), body).json()["name"] == "as it was"


def test_row_30_a_flag_can_be_deleted_once(rds: RdsClient) -> None:
    made = rds.flag()
    gone = rds.call("DELETE", flag_path(made))
    assert (gone.status_code, gone.content) == (204, b"")
    rds.refused(404, NO_FLAG, "GET", flag_path(made))
    rds.refused(404, NO_FLAG, "DELETE", flag_path(made))
    assert made["id"] not in [flag["id"] for flag in rds.read("/feature-flags")]
    assert rds.flag(name=made["name"])["id"] != made["id"]


# --- mappings ---


def test_row_31_a_new_mapping_is_200_with_seven_fields(rds: RdsClient) -> None:
    flag = rds.flag()
    answer = rds.call("POST", mapping_path(flag, "bob"), {"status": "ENABLED", "userId": "ada"})
    assert answer.status_code == 200
    made = answer.json()
    assert list(made) == MAPPING_FIELDS
    assert (made["userId"], made["flagId"]) == ("bob", flag["id"])
    assert (made["createdBy"], made["updatedBy"]) == ("ada", "ada")
    assert made["createdAt"] == made["updatedAt"]
    assert abs(made["createdAt"] - time.time()) <= 5


@pytest.mark.parametrize("text", ["enabled", "Disabled"])
def test_row_32_a_mappings_status_is_in_upper_case(rds: RdsClient, text: str) -> None:
    path = mapping_path(rds.flag())
    assert rds.call("POST", path, {"status": text, "userId": "ada"}).json()["status"] == text.upper()
    assert rds.call("PATCH", path, {"status": "enabled"}).json()["status"] == "ENABLED"
    assert rds.read(path)["status"] == "ENABLED"


def test_row_33_a_second_mapping_is_409(rds: RdsClient, strict: RdsClient) -> None:
    words = "Mapping of User Id and Flag Id already exists"
    path = mapping_path(rds.flag())
    assert rds.call("POST", path, {"status": "ENABLED"}).status_code == 200
    rds.refused(409, words, "POST", path, {"status": "DISABLED"})
    assert rds.read(path)["status"] == "ENABLED"
    path = mapping_path(strict.flag())
    assert strict.call("POST", path, {"status": "ENABLED"}).status_code == 200
    old = strict.call("POST", path, {"status": "ENABLED"})
    assert (old.status_code, old.text) == (404, words)


def test_row_34_mappings_of_others_stand_by_themselves(rds: RdsClient) -> None:
    flags = [rds.flag(), rds.flag()]
    wanted = {("u1", 0): "ENABLED", ("u1", 1): "DISABLED", ("u2", 0): "DISABLED", ("u2", 1): "ENABLED"}
    for (user, number), status in wanted.items():
        assert rds.call("POST", mapping_path(flags[number], user), {"status": status}).status_code == 200
    for (user, number), status in wanted.items():
        assert rds.read(mapping_path(flags[number], user))["status"] == status


def test_row_34_of_fifty_posts_at_once_exactly_one_succeeds(rds: RdsClient) -> None:
    path = mapping_path(rds.flag())

    def post(_: int) -> int:
        return rds.call("POST", path, {"status": "ENABLED"}).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(post, range(50)))
    assert statuses == [200] + [409] * 49


def test_row_35_a_mapping_is_patched_only_where_it_is(rds: RdsClient) -> None:
    flag = rds.flag()
    path = mapping_path(flag, "bob")
    words = "Mapping of User Id and Flag Id does not exist"
    rds.refused(404, words, "PATCH", path, {"status": "ENABLED", "userId": "ada"})
    rds.refused(404, words, "PATCH", f"/users/bob/feature-flags/{uuid.uuid4()}", {"status": "ENABLED"})
    made = rds.call("POST", path, {"status": "ENABLED"}).json()
    answer = rds.as_user("grace").call("PATCH", path, {"status": "DISABLED", "userId": "grace"})
    assert answer.status_code == 200
    after = answer.json()
    assert list(after) == MAPPING_FIELDS
    changed = {"status": "DISABLED", "updatedBy": "grace", "updatedAt": after["updatedAt"]}
    assert after == {**made, **changed}


def test_row_36_a_mapping_is_read_or_404(rds: RdsClient) -> None:
    flag = rds.flag()
    path = mapping_path(flag)
    rds.refused(404, NO_MAPPING, "GET", path)
    rds.refused(404, NO_MAPPING, "GET", f"/users/bob/feature-flags/{uuid.uuid4()}")
    made = rds.call("POST", path, {"status": "DISABLED"}).json()
    assert rds.read(path) == made
    assert rds.call("DELETE", path).status_code == 204
    rds.refused(404, NO_MAPPING, "GET", path)
    rds.refused(404, NO_MAPPING, "DELETE", path)


def test_row_37_a_users_mappings_are_an_array(rds: RdsClient, strict: RdsClient) -> None:
    user = f"user-{uuid.uuid4()}"
    assert rds.read(f"/users/{user}/feature-flags") == []
    old = strict.call("GET", f"/users/{user}/feature-flags")
    assert (old.status_code, old.text) == (404, "User feature flags not found")
    flags = [rds.flag() for _ in range(3)]
    made = [rds.call("POST", mapping_path(flag, user), {"status": "ENABLED"}).json() for flag in flags]
    found = rds.read(f"/users/{user}/feature-flags")
    assert all(list(each) == MAPPING_FIELDS for each in found)
    assert sorted(found, key=str) == sorted(made, key=str)
    rds.call("DELETE", flag_path(flags[0]))
    assert len(rds.read(f"/users/{user}/feature-flags")) == 2


def test_row_38_a_mapping_for_no_flag_is_refused(rds: RdsClient) -> None:
    path = f"/users/bob/feature-flags/{uuid.uuid4()}"
    rds.refused(404, NO_FLAG, "POST", path, {"status": "ENABLED", "userId": "ada"})
    rds.refused(404, NO_MAPPING, "GET", path)


@pytest.mark.parametrize(
    ("body", "status", "posted", "patched"),
    [
        (b"{", 422, "Error unmarshal request body", UNREADABLE),
        (b"", 422, "Error unmarshal request body", UNREADABLE),
        (b'{"status": true}', 422, "Error unmarshal request body", UNREADABLE),
        (b"{}", 400, STATUS_REQUIRED, STATUS_REQUIRED),
        (b"null", 400, STATUS_REQUIRED, STATUS_REQUIRED),
    ],
)
def test_row_39_a_mapping_without_json_is_422_and_without_status_400(
    rds: RdsClient, strict: RdsClient, body: bytes, status: int, posted: str, patched: str
) -> None:
    path = mapping_path(rds.flag())
    rds.refused(status, posted, "POST", path, body)
    rds.refused(status, patched, "PATCH", path, body)
    old = strict.call("POST", mapping_path(strict.flag()), b"{}")
    words = "Check the request body passed status and userId are required."
    assert (old.status_code, old.text) == (400, words)


@pytest.mark.timeout(240)
def test_row_40_a_long_list_of_mappings_is_whole_and_can_be_read_in_pages(fresh: RdsClient) -> None:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    document = {"flags": {f"f{number}": flag for number in range(1_050)}}
    assert fresh.call("POST", "/api/v1/import", document).status_code == 200
    flags = fresh.read("/feature-flags")

    def post(flag: dict[str, Any]) -> int:
        return fresh.call("POST", mapping_path(flag, "bob"), {"status": "ENABLED"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, flags)) == {200}
    found = fresh.read("/users/bob/feature-flags")
    assert {each["flagId"] for each in found} == {flag["id"] for flag in flags}
    assert len(found) == 1_050
    assert paged(fresh, "/users/bob/feature-flags", limit=400) == found


@pytest.mark.parametrize(
    ("flag_status", "mapped", "status", "value", "reason"),
    [
        ("ENABLED", None, "ENABLED", True, "STATIC"),
        ("ENABLED", "ENABLED", "ENABLED", True, "TARGETING_MATCH"),
        ("ENABLED", "DISABLED", "DISABLED", False, "TARGETING_MATCH"),
        ("DISABLED", None, "DISABLED", None, "DISABLED"),
        ("DISABLED", "ENABLED", "ENABLED", True, "TARGETING_MATCH"),
        ("DISABLED", "DISABLED", "DISABLED", False, "TARGETING_MATCH"),
    ],
)
def test_row_41_an_evaluation_merges_mapping_and_flag(
    rds: RdsClient, flag_status: str, mapped: str | None, status: str, value: object, reason: str
) -> None:
    flag, user = rds.flag(), f"user-{uuid.uuid4()}"
    rds.call("PATCH", flag_path(flag), {"status": flag_status})
    if mapped is not None:
        rds.call("POST", mapping_path(flag, user), {"status": mapped})
    found = rds.read(mapping_path(flag, user) + "/evaluation")
    assert found == {
        "userId": user,
        "flagId": flag["id"],
        "name": flag["name"],
        "status": status,
        "value": value,
        "variant": {True: "on", False: "off"}.get(value) if isinstance(value, bool) else None,
        "reason": reason,
        "override": mapped is not None,
    }
    everything = rds.read(f"/users/{user}/feature-flags/evaluation")
    assert found in everything
    assert len(everything) == len(rds.read("/feature-flags"))


def test_row_41_an_evaluation_follows_targeting_until_a_mapping_says_otherwise(rds: RdsClient) -> None:
    flag = rds.flag(name="for bob alone")
    rule = {"if": [{"==": [{"var": "targetingKey"}, "bob"]}, "on", "off"]}
    answer = rds.call("PATCH", "/api/v1/flags/for-bob-alone", {"targeting": rule})
    assert answer.status_code == 200
    seen = {user: rds.read(mapping_path(flag, user) + "/evaluation")["value"] for user in ("bob", "eve")}
    assert seen == {"bob": True, "eve": False}
    rds.call("POST", mapping_path(flag, "eve"), {"status": "ENABLED"})
    assert rds.read(mapping_path(flag, "eve") + "/evaluation")["value"] is True
    rds.refused(404, NO_FLAG, "GET", f"/users/bob/feature-flags/{uuid.uuid4()}/evaluation")


# --- errors ---


def test_row_42_an_error_of_ours_is_500_and_says_no_more(fresh: RdsClient) -> None:
    flag = fresh.flag()
    with blocked(fresh):
        fresh.refused(500, FAILURE, "PATCH", flag_path(flag), {"status": "DISABLED"})
    with sqlite3.connect(next(fresh.server.data.glob("*.db"))) as connection:
        connection.execute("UPDATE flags SET seal = zeroblob(32)")
    connection.close()
    fresh.refused(500, FAILURE, "GET", flag_path(flag))
    fresh.refused(500, FAILURE, "GET", "/feature-flags")


def _failures(flag: dict[str, Any]) -> list[tuple[str, str, bytes | None]]:
    """A request for each way to be refused."""
    path, mapping = flag_path(flag), mapping_path(flag)
    return [
        ("GET", "/feature-flags/abc", None),
        ("PUT", "/feature-flags", None),
        ("GET", "/feature-flags?cursor=" + "x" * 20, None),
        ("GET", "/feature-flags?limit=0", None),
        ("GET", "/feature-flags/%00", None),
        ("GET", "/users/%00/feature-flags", None),
        ("POST", "/feature-flags", b"{"),
        ("POST", "/feature-flags", b"[" * 100 + b"]" * 100),
        ("PATCH", path, b"{"),
        ("PATCH", path, b'{"status": "ON"}'),
        ("GET", mapping, None),
        ("POST", mapping, b"{"),
        ("PATCH", mapping, b'{"status": "ENABLED"}'),
        ("DELETE", mapping, None),
        ("GET", f"/users/u/feature-flags/{uuid.uuid4()}/evaluation", None),
        ("POST", "/reset-limit", b"{"),
        ("POST", "/reset-limit", b"{}"),
        ("PATCH", "/mark-concurrency-zero", b"{"),
        ("POST", "/health-check", None),
    ]


def test_row_43_every_error_is_json_with_a_message(rds: RdsClient) -> None:
    for method, path, body in _failures(rds.flag()):
        answer = rds.call(method, path, body)
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert list(answer.json()) == ["message"]
        assert isinstance(answer.json()["message"], str)
        assert answer.json()["message"]
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}):
        answer = httpx.get(rds.server.url + "/feature-flags", headers=headers)
        assert (answer.status_code, list(answer.json())) == (401, ["message"])


def test_row_43_so_are_errors_from_before_the_dialect_is_known(rds: RdsClient) -> None:
    answer = rds.call("POST", "/feature-flags", b"x" * 300_000)
    assert (answer.status_code, answer.json()["message"]) == (413, "the body is too large")
    assert answer.headers["content-type"] == "application/problem+json"


def test_row_43_every_error_is_plain_text_with_the_old_answers(strict: RdsClient) -> None:
    for method, path, body in _failures(strict.flag()):
        answer = strict.call(method, path, body)
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
        assert answer.text
        assert "{" not in answer.text


def test_row_44_every_answer_carries_the_headers_of_cors(rds: RdsClient) -> None:
    for method, path, body in [*_failures(rds.flag()), ("GET", "/feature-flags", None)]:
        answer = rds.call(method, path, body)
        assert answer.headers["access-control-allow-origin"] == "https://x.realdevsquad.com", path
        assert answer.headers["access-control-allow-credentials"] == "true"
    headers = {"Origin": "https://x.realdevsquad.com"}
    anonymous = httpx.get(rds.server.url + "/feature-flags", headers=headers)
    assert anonymous.status_code == 401
    assert anonymous.headers["access-control-allow-origin"] == "https://x.realdevsquad.com"


def _has_flags(api: RdsClient) -> bool:
    return api.call("GET", "/feature-flags").status_code == 200


def test_every_row_of_the_dialect_has_a_test_that_runs() -> None:
    proved = set()
    for file in Path(__file__).parent.glob("test_rds_rows*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            name = re.match(r"test_row_(\d\d)_", node.name) if isinstance(node, ast.FunctionDef) else None
            if isinstance(node, ast.FunctionDef) and name:
                assert {ast.unparse(each).split("(")[0] for each in node.decorator_list} <= MARKS, node.name
                assert any(isinstance(each, ast.Assert) or _checks(each) for each in ast.walk(node)), (
                    node.name
                )
                proved.add(int(name[1]))
    assert proved == set(range(1, 91))
    assert set(LATER) <= proved


MARKS = {"pytest.mark.parametrize", "pytest.mark.timeout"}
"""What may stand on a row's test: neither skip nor xfail, nor a name that hides one."""


def _checks(node: ast.AST) -> bool:
    """Whether this is a call of `refused`, which asserts."""
    return isinstance(node, ast.Attribute) and node.attr == "refused"
