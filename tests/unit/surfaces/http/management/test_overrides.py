"""Overrides over HTTP: every verb, its refusals, paging, scopes, conditions and CSV."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from burgee.surfaces.http.management import cursors

BOOLEAN = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}
FLAG = "/api/v1/flag-sets/shop/flags/banner"
ONE = f"{FLAG}/overrides/u"
IMPORT = "/api/v1/overrides/import"
CSV = {"content-type": "text/csv"}
FAR = 4_000_000_000


@pytest.fixture
def flags(admin: TestClient) -> TestClient:
    """An admin, with the flag `banner` in two sets."""
    for path in (FLAG, "/api/v1/flags/banner"):
        assert admin.put(path, json=BOOLEAN).status_code == 201
    return admin


def put(client: TestClient, path: str = ONE, **content: Any) -> dict[str, Any]:
    response = client.put(path, json=content or {"variant": "on"})
    assert response.status_code in (200, 201), response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_new_one_is_201_with_its_address_and_version_1(flags: TestClient) -> None:
    response = flags.put(ONE, json={"status": "ENABLED", "reason": "beta", "expiresAt": FAR})
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    assert response.headers["location"] == ONE
    body = response.json()
    assert body["createdBy"] == body["updatedBy"] == "admin@example.com"
    assert {name: body[name] for name in ("flagSet", "flagKey", "targetingKey", "status", "variant")} == {
        "flagSet": "shop",
        "flagKey": "banner",
        "targetingKey": "u",
        "status": "ENABLED",
        "variant": None,
    }
    assert (body["reason"], body["expiresAt"], body["version"]) == ("beta", FAR, 1)
    assert flags.get(ONE).json() == body


def test_a_replaced_one_is_200_with_the_next_version(flags: TestClient) -> None:
    put(flags)
    response = flags.put(ONE, json={"status": "DISABLED"})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert "location" not in response.headers
    assert response.json()["variant"] is None


def test_the_short_path_is_the_default_flag_set(flags: TestClient) -> None:
    short = "/api/v1/flags/banner/overrides/u"
    put(flags, short)
    assert flags.get("/api/v1/flag-sets/default/flags/banner/overrides/u").json()["flagSet"] == "default"
    assert flags.get(ONE).status_code == 404
    assert flags.get("/api/v1/flags/banner/overrides").json()["items"][0]["targetingKey"] == "u"
    assert flags.delete(short).status_code == 204
    assert flags.get(short).status_code == 404


def test_what_was_read_can_be_sent_back(flags: TestClient) -> None:
    read = put(flags)
    response = flags.put(ONE, json=read | {"variant": "off"}, headers={"if-match": '"1"'})
    assert (response.status_code, response.json()["version"]) == (200, 2)


def test_another_place_than_the_path_is_refused(flags: TestClient) -> None:
    sent = {"variant": "on", "flagKey": "other", "flagSet": "default", "targetingKey": "v"}
    response = flags.put(ONE, json=sent)
    assert response.status_code == 400
    assert {fault["pointer"] for fault in response.json()["errors"]} == {
        "/flagKey",
        "/flagSet",
        "/targetingKey",
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/status"),
        ({"status": "ENABLED", "variant": "on"}, "/status"),
        ({"status": "enabled"}, "/status"),
        ({"variant": "most"}, "/variant"),
        ({"variant": 1}, "/variant"),
        ({"variant": "on", "expiresAt": 1}, "/expiresAt"),
        ({"variant": "on", "expiresAt": "tomorrow"}, "/expiresAt"),
        ({"variant": "on", "expiresAt": True}, "/expiresAt"),
        ({"variant": "on", "expiresAt": 10**15}, "/expiresAt"),
        ({"variant": "on", "reason": "x" * 1001}, "/reason"),
        ({"variant": "on", "varient": "on"}, "/varient"),
        ({"variant": "on", "version": "1"}, "/version"),
        ([], ""),
    ],
)
def test_faults_are_named(flags: TestClient, body: Any, pointer: str) -> None:
    response = flags.put(ONE, json=body)
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]
    assert flags.get(ONE).status_code == 404


def test_there_must_be_such_a_flag(flags: TestClient) -> None:
    for path in (f"{FLAG}s/overrides/u", "/api/v1/flag-sets/none/flags/banner/overrides/u"):
        assert flags.put(path, json={"variant": "on"}).status_code == 404
        assert flags.get(path).status_code == 404
        assert flags.delete(path).status_code == 404
        assert flags.get(path.removesuffix("/u")).status_code == 404


def test_a_deleted_one_is_gone(flags: TestClient) -> None:
    put(flags)
    gone = flags.delete(ONE)
    assert (gone.status_code, gone.content) == (204, b"")
    assert flags.get(ONE).status_code == flags.delete(ONE).status_code == 404


class TestTargetingKeys:
    @pytest.mark.parametrize(
        ("written", "subject"),
        [
            ("a%2Fb", "a/b"),
            ("%2F", "/"),
            ("a%2f..%2Fb", "a/../b"),
            ("u%40example.com", "u@example.com"),
            ("gr%C3%B6%C3%9Fer", "größer"),
            ("a%20b", "a b"),
            ("history", "history"),
            ("x" * 256, "x" * 256),
        ],
    )
    def test_any_text_can_be_named(self, flags: TestClient, written: str, subject: str) -> None:
        path = f"{FLAG}/overrides/{written}"
        response = flags.put(path, json={"variant": "on"})
        assert (response.status_code, response.json().get("targetingKey")) == (201, subject)
        assert flags.get(response.headers["location"]).json()["targetingKey"] == subject
        listed = flags.get(f"/api/v1/subjects/{written}/overrides").json()["items"]
        assert [each["targetingKey"] for each in listed] == [subject]
        assert flags.delete(path).status_code == 204

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            (f"{FLAG}/overrides/", 400),
            (f"{FLAG}/overrides/{'x' * 257}", 400),
            (f"{FLAG}/overrides/a%09b", 400),
            (f"{FLAG}/overrides/a%0Ab", 400),
            (f"{FLAG}/overrides/%0A", 400),
            ("/api/v1/subjects/%0A/overrides", 400),
            ("/api/v1/subjects/a%0A%C2%A7/overrides", 400),
            ("/api/v1/subjects/a/overrides%0A", 404),
            (f"{FLAG}/overrides/a/b", 404),
            (f"{FLAG}/overrides/u/", 404),
            ("/api/v1/flag-sets/shop/flags/banner%2Foverrides/u", 404),
            ("/api/v1/flag-sets/shop%2Fflags%2Fbanner/overrides/u", 404),
            ("/api/v1/flags/banner%2Foverrides%2Fx/overrides/u", 404),
            ("/api/v1/subjects/a/b/overrides", 404),
        ],
    )
    def test_a_path_is_taken_only_as_it_is_meant(self, flags: TestClient, path: str, status: int) -> None:
        assert flags.get(path).status_code == status


class TestConditions:
    @pytest.mark.parametrize(
        ("stored", "headers", "status"),
        [
            (0, {"if-none-match": "*"}, 201),
            (1, {"if-none-match": "*"}, 412),
            (0, {"if-match": "*"}, 412),
            (1, {"if-match": "*"}, 200),
            (0, {"if-match": '"1"'}, 412),
            (2, {"if-match": '"1"'}, 412),
            (2, {"if-match": '"2"'}, 200),
            (2, {"if-match": '"3"'}, 412),
        ],
    )
    def test_a_put_holds_to_them(
        self, flags: TestClient, stored: int, headers: dict[str, str], status: int
    ) -> None:
        for number in range(stored):
            put(flags, variant="on", reason=f"{number}")
        response = flags.put(ONE, json={"variant": "off"}, headers=headers)
        assert response.status_code == status
        if status == 412:
            assert response.json()["currentVersion"] == stored

    def test_a_refusal_tells_what_differs(self, flags: TestClient) -> None:
        put(flags)
        response = flags.put(ONE, json={"variant": "off"}, headers={"if-match": '"7"'})
        assert response.json()["diff"] == [{"pointer": "/variant", "yours": "off", "current": "on"}]

    @pytest.mark.parametrize(("tag", "status"), [('"1"', 412), ('"2"', 204), ("*", 204)])
    def test_a_deletion_holds_to_them(self, flags: TestClient, tag: str, status: int) -> None:
        put(flags)
        put(flags, variant="off")
        assert flags.delete(ONE, headers={"if-match": tag}).status_code == status

    def test_a_copy_that_is_still_right_is_304(self, flags: TestClient) -> None:
        put(flags)
        assert flags.get(ONE, headers={"if-none-match": '"1"'}).status_code == 304
        tag = flags.get(f"{FLAG}/overrides").headers["etag"]
        assert flags.get(f"{FLAG}/overrides", headers={"if-none-match": tag}).status_code == 304
        put(flags, variant="off")
        assert flags.get(f"{FLAG}/overrides", headers={"if-none-match": tag}).status_code == 200


class TestLists:
    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
    def test_those_of_a_flag_are_paged_in_order_without_gaps(self, flags: TestClient, limit: int) -> None:
        subjects = ["a", "b", "c/d", "é" * 256, "\U0001f600" * 256]
        for subject in subjects:
            row = f"flagSet,flagKey,targetingKey,variant\nshop,banner,{subject},on\n"
            assert flags.post(IMPORT, content=row.encode(), headers=CSV).status_code == 200
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            params = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            page = flags.get(f"{FLAG}/overrides", params=params).json()
            seen += [each["targetingKey"] for each in page["items"]]
            cursor, pages = page["nextCursor"], pages + 1
        assert seen == subjects
        assert pages == -(-len(subjects) // limit)

    def test_those_of_a_subject_are_paged_in_order_without_gaps(self, flags: TestClient) -> None:
        for key in ("b", "a", "c"):
            flags.put(f"/api/v1/flags/{key}", json=BOOLEAN)
            put(flags, f"/api/v1/flags/{key}/overrides/u")
        put(flags)
        path = "/api/v1/subjects/u/overrides"
        first = flags.get(path, params={"limit": "3"}).json()
        rest = flags.get(path, params={"limit": "3", "cursor": first["nextCursor"]}).json()
        places = [(each["flagSet"], each["flagKey"]) for each in [*first["items"], *rest["items"]]]
        assert places == [("default", "a"), ("default", "b"), ("default", "c"), ("shop", "banner")]
        assert rest["nextCursor"] is None
        assert len(flags.get(path, params={"flagSet": "shop"}).json()["items"]) == 1
        assert flags.get("/api/v1/subjects/nobody/overrides").json() == {"items": [], "nextCursor": None}

    def test_a_cursor_of_another_list_is_400(self, flags: TestClient) -> None:
        for subject in "abc":
            put(flags, f"{FLAG}/overrides/{subject}")
        cursor = flags.get(f"{FLAG}/overrides", params={"limit": "1"}).json()["nextCursor"]
        for path in ("/api/v1/subjects/a/overrides", "/api/v1/flags/banner/overrides"):
            assert flags.get(path, params={"cursor": cursor}).status_code == 400

    def test_a_cursor_that_was_made_up_is_400(
        self, flags: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cursors, "read_cursor", lambda _: "no slash")
        monkeypatch.setattr("burgee.surfaces.http.management.overrides.read_cursor", lambda _: "no slash")
        assert flags.get("/api/v1/subjects/u/overrides").status_code == 400


class TestScopes:
    def test_a_bound_token_reaches_only_its_sets(
        self, flags: TestClient, as_role: Callable[..., TestClient]
    ) -> None:
        put(flags)
        put(flags, "/api/v1/flags/banner/overrides/u")
        bound = as_role("editor", "shop")
        assert [each["flagSet"] for each in bound.get("/api/v1/subjects/u/overrides").json()["items"]] == [
            "shop"
        ]
        assert bound.get(ONE).status_code == bound.put(ONE, json={"variant": "off"}).status_code == 200
        for path in ("/api/v1/flags/banner/overrides", "/api/v1/flags/banner/overrides/u"):
            assert bound.get(path).status_code == 403
        assert bound.delete("/api/v1/flags/banner/overrides/u").status_code == 403
        other = {"flagSet": "default"}
        assert bound.get("/api/v1/subjects/u/overrides", params=other).status_code == 403

    @pytest.mark.parametrize(("flag_set", "status"), [("shop", 200), ("default", 403)])
    def test_an_import_is_held_to_them_row_by_row(
        self, flags: TestClient, as_role: Callable[..., TestClient], flag_set: str, status: int
    ) -> None:
        body = f"flagSet,flagKey,targetingKey,variant\nshop,banner,a,on\n{flag_set},banner,b,on\n"
        response = as_role("editor", "shop").post(IMPORT, content=body.encode(), headers=CSV)
        assert response.status_code == status
        assert flags.get(f"{FLAG}/overrides/a").status_code == (200 if status == 200 else 404)


class TestImport:
    def test_rows_are_counted(self, flags: TestClient) -> None:
        put(flags)
        body = b"targetingKey,variant\nu,off\nv,on\nw,on\n"
        params = {"flagSet": "shop", "key": "banner"}
        tried = flags.post(IMPORT, content=body, headers=CSV, params=params | {"dryRun": "true"})
        assert tried.json() == {"dryRun": True, "created": 2, "updated": 1, "unchanged": 0}
        assert flags.get(ONE).json()["variant"] == "on"
        done = flags.post(IMPORT, content=body, headers=CSV, params=params)
        assert done.json() == {"dryRun": False, "created": 2, "updated": 1, "unchanged": 0}
        again = flags.post(IMPORT, content=body, headers=CSV, params=params)
        assert again.json() == {"dryRun": False, "created": 0, "updated": 0, "unchanged": 3}

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (b"", "/1"),
            (b"targetingKey,flagKey,status\nu,none,ENABLED\n", "/2/flagKey"),
            (b"targetingKey,flagKey,status\nu,banner,ENABLED\nv,banner,ON\n", "/3/status"),
            (b"targetingKey,flagKey\nu,banner\n", "/2/status"),
            (b"targetingKey,flagKey,variant\nu,banner,most\n", "/2/variant"),
            (b'targetingKey,flagKey,variant\n"a\nb",banner,on\n', "/2/targetingKey"),
            (b"targetingKey,flagKey,variant\nu\x00,banner,on\n", "/2"),
            (b"targetingKey,flagKey,variant\n\xff,banner,on\n", ""),
        ],
    )
    def test_faults_name_their_line(self, flags: TestClient, body: bytes, pointer: str) -> None:
        response = flags.post(IMPORT, content=body, headers=CSV)
        assert response.status_code == 400, response.text
        assert response.json()["errors"][0]["pointer"].startswith(pointer)
        assert flags.get("/api/v1/subjects/u/overrides").json()["items"] == []

    def test_only_csv_is_taken(self, flags: TestClient) -> None:
        response = flags.post(IMPORT, content=b"{}", headers={"content-type": "application/json"})
        assert response.status_code == 415

    def test_every_row_is_audited(self, flags: TestClient) -> None:
        flags.post(IMPORT, content=b"targetingKey,flagKey,variant\na,banner,on\nb,banner,on\n", headers=CSV)
        events = flags.get("/api/v1/audit", params={"action": "override.created"}).json()["items"]
        assert [event["entity"] for event in events] == [
            "overrides/default/banner/b",
            "overrides/default/banner/a",
        ]
        assert {event["actor"] for event in events} == {"admin@example.com"}
        assert flags.get("/api/v1/audit/verify").json()["ok"]
