"""The Hatton dialect on real servers: rows 91 to 103 of the behaviour checklist, each with its proof.

Rows about AWS are proved here as far as they hold on one machine; LATER says who does the rest.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from burgee.testing.server import Server, running_server

RACES = 1_000
CREATORS = 50
PATIENCE_SECONDS = 9.0  # parameters are believed for 5

LATER = {
    102: "issue 4 puts the audit events under ddb-changes/ in S3",
    103: "issue 4 makes the alarms and their SNS topic",
}
NAMES = ("größe", "日本 🚩", "a%20b", "a+b", "a?b#c", "a&b;c", '"quoted"', "back\\slash", "{x}", "...")
OLD_EXISTS = "Error Creating Flag: Feature Flag Already Exsits"
OLD_ABSENT = "Error Retrieving Flag: Feature Flag Does Not Exsit"


class Place(NamedTuple):
    """A server in the plain form with two workers, one in the strict form, and their parameter files."""

    plain: Server
    strict: Server
    folder: Path

    @property
    def client(self) -> httpx.Client:
        return self.plain.client(timeout=30)

    @property
    def strict_client(self) -> httpx.Client:
        return self.strict.client(timeout=30)

    def allow_deletion(self, allowed: str | None) -> None:
        """Write the parameter to the file that both servers read, or take the file away."""
        file = self.folder / "parameters.json"
        if allowed is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(json.dumps({"allow-flag-deletion": allowed}))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hatton")
    shared = {"BURGEE_PARAMETERS_FILE": str(folder / "parameters.json")}
    strict_settings = shared | {"BURGEE_HATTON_STRICT_COMPAT": "true"}
    with (
        running_server(folder / "plain", workers=2, environment=shared) as plain,
        running_server(folder / "strict", environment=strict_settings) as strict,
    ):
        yield Place(plain, strict, folder)


def create(client: httpx.Client, name: str, value: bool = True) -> httpx.Response:
    return client.post("/feature-flag", json={"flagName": name, "currentVariation": value})


def read(client: httpx.Client, name: str) -> httpx.Response:
    return client.get(address(name))


def write(client: httpx.Client, name: str, value: Any, *, named: str | None = None) -> httpx.Response:
    body = {"flagName": named if named is not None else name, "currentVariation": value}
    return client.put(address(name), json=body)


def address(name: str) -> str:
    return "/feature-flag/" + quote(name, safe="")


def row_91_create_once_then_read(place: Place) -> None:
    with place.client as client:
        assert create(client, "row 91", False).status_code == 200
        again = create(client, "row 91", True)
        assert (again.status_code, again.json()) == (
            400,
            {"message": "Error Creating Flag: Feature Flag Already Exists"},
        )
        found = read(client, "row 91")
        assert found.status_code == 200
        assert (found.json()["flagName"], found.json()["currentVariation"]) == ("row 91", False)
        for name in NAMES:
            assert create(client, name).status_code == 200, name
            assert read(client, name).json()["flagName"] == name
        assert read(client, NAMES[0].upper()).status_code == 404, "names are kept to the letter"


def row_92_plain_json_or_the_string_form(place: Place) -> None:
    with place.client as client:
        made = create(client, "row-92")
        assert json.loads(made.content) == {
            "success": True,
            "flagName": "row-92",
            "currentVariation": True,
            "lastAccessed": None,
        }
    with place.strict_client as client:
        assert create(client, "row-92").content == (
            rb'"{\u0022Success\u0022:true,\u0022ErrorMessage\u0022:null,'
            rb'\u0022FlagName\u0022:null,\u0022CurrentVariation\u0022:null}"'
        )
        found = read(client, "row-92")
        assert found.headers["content-type"] == "application/json"
        assert json.loads(json.loads(found.content)) == {
            "Success": True,
            "ErrorMessage": None,
            "FlagName": "row-92",
            "CurrentVariation": True,
        }


def row_93_absent_is_404_or_the_old_400(place: Place) -> None:
    with place.client as client:
        found = read(client, "row-93")
        assert (found.status_code, found.json()) == (404, {"message": OLD_ABSENT.replace("Exsit", "Exist")})
    with place.strict_client as client:
        found = read(client, "row-93")
        assert found.status_code == 400
        assert json.loads(json.loads(found.content)) == {
            "Success": False,
            "ErrorMessage": OLD_ABSENT,
            "FlagName": None,
            "CurrentVariation": None,
        }
        create(client, "row-93")
        assert json.loads(create(client, "row-93").json())["ErrorMessage"] == OLD_EXISTS


def row_94_put_changes_what_is_there_and_creates_nothing(place: Place) -> None:
    with place.client as client:
        create(client, "row-94", True)
        assert write(client, "row-94", False).json()["currentVariation"] is False
        assert read(client, "row-94").json()["currentVariation"] is False
        absent = write(client, "row-94-absent", True)
        assert (absent.status_code, absent.json()["message"]) == (
            404,
            "Error Updating Flag: Feature Flag Does Not Exist",
        )
        assert read(client, "row-94-absent").status_code == 404


def row_95_path_and_body_must_agree(place: Place) -> None:
    for client in (place.client, place.strict_client):
        with client:
            create(client, "row-95-a", True)
            create(client, "row-95-b", True)
            before = read(client, "row-95-b").content
            refused = write(client, "row-95-a", False, named="row-95-b")
            assert refused.status_code == 400
            assert "row-95-a" in refused.json()["message"]
            assert "rue" in read(client, "row-95-a").text
            assert re.sub(rb"20\d\d-.*Z", b"", read(client, "row-95-b").content) == re.sub(
                rb"20\d\d-.*Z", b"", before
            )


def row_96_a_boolean_and_a_string_else_400(place: Place) -> None:
    wrong: list[Any] = [
        {"flagName": "row-96", "currentVariation": "true"},
        {"flagName": "row-96", "currentVariation": 1},
        {"flagName": "row-96", "currentVariation": None},
        {"flagName": "row-96"},
        {"flagName": 96, "currentVariation": True},
        {"flagName": "", "currentVariation": True},
        {"flagName": "x" * 257, "currentVariation": True},
        {"flagName": "a/b", "currentVariation": True},
        {"flagName": "a\nb", "currentVariation": True},
        {"flagName": "row-96\n", "currentVariation": True},
        {"currentVariation": True},
        {},
        [],
        "x",
    ]
    for client, message in ((place.client, None), (place.strict_client, "Invalid request body")):
        with client:
            for body in wrong:
                refused = client.post("/feature-flag", json=body)
                assert refused.status_code == 400, body
                assert refused.json()["message"] == (message or refused.json()["message"])
                assert client.put("/feature-flag/row-96", json=body).status_code == 400, body
            malformed = client.post(
                "/feature-flag", content=b"{", headers={"content-type": "application/json"}
            )
            assert malformed.status_code == 400
            assert create(client, "x" * 256).status_code == 200
            extra = {"flagName": "row-96", "currentVariation": True, "more": 1}
            assert client.post("/feature-flag", json=extra).status_code == 200


def row_97_deletion_is_guarded_before_anything_else(place: Place) -> None:
    with place.client as client, place.strict_client as strict:
        place.allow_deletion("false")
        create(client, "row-97")
        create(strict, "row-97")
        settled(client, 403)
        for name in ("row-97", "row-97-absent"):
            refused = client.delete(f"/feature-flag/{name}")
            assert (refused.status_code, refused.json()) == (403, {"message": "Deleting Flags is disabled"})
        old = strict.delete("/feature-flag/row-97-absent")
        assert old.status_code == 403
        assert json.loads(old.json())["ErrorMessage"] == "Deleting Flags is disabled"
        assert read(client, "row-97").status_code == 200

        place.allow_deletion("True")
        settled(client, 404)
        assert client.delete("/feature-flag/row-97").status_code == 200
        assert read(client, "row-97").status_code == 404
        absent = client.delete("/feature-flag/row-97")
        assert (absent.status_code, absent.json()["message"]) == (
            404,
            "Error Deleting Flag: Feature Flag Does Not Exist",
        )
        settled(strict, 400)
        assert strict.delete("/feature-flag/row-97").status_code == 200
        assert strict.delete("/feature-flag/row-97").status_code == 400

        assert create(client, "row-97", False).status_code == 200, "a deleted name may be given again"
        assert read(client, "row-97").json()["currentVariation"] is False


def row_98_a_missing_parameter_denies_and_answers_are_kept_briefly(place: Place) -> None:
    with place.client as client:
        place.allow_deletion("true")
        settled(client, 404)
        place.allow_deletion(None)
        settled(client, 403)
        (place.folder / "parameters.json").write_text("{")
        settled(client, 403)


def row_99_a_read_is_noted_in_utc(place: Place) -> None:
    with place.client as client:
        assert create(client, "row-99").json()["lastAccessed"] is None
        before = datetime.now(UTC)
        said = read(client, "row-99").json()["lastAccessed"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said)
        noted = datetime.fromisoformat(said)
        assert -0.001 <= (noted - before).total_seconds() < 5
        # A write shows the time and does not move it; the other worker knows it with the next batch.
        eventually(lambda: write(client, "row-99", False).json()["lastAccessed"] == said)
        later = read(client, "row-99").json()["lastAccessed"]
        assert datetime.fromisoformat(later) > noted


def row_100_a_read_never_undoes_a_write_or_a_deletion(place: Place) -> None:
    place.allow_deletion("true")
    with place.client as reader, place.client as writer, ThreadPoolExecutor(2) as pool:
        settled(writer, 404)
        create(writer, "row-100", False)
        for number in range(RACES):
            value = number % 2 == 0
            first, second = race(
                pool, partial(read, reader, "row-100"), partial(write, writer, "row-100", value)
            )
            assert (first.status_code, second.status_code) == (200, 200)
            assert read(reader, "row-100").json()["currentVariation"] is value, number
        assert writer.get("/api/v1/flags/row-100").json()["version"] == RACES + 1, "reads wrote versions"

        for number in range(RACES):
            assert create(writer, "row-100-gone").status_code == 200
            first, second = race(
                pool,
                partial(read, reader, "row-100-gone"),
                partial(writer.delete, "/feature-flag/row-100-gone"),
            )
            assert second.status_code == 200
            assert first.status_code in (200, 404)
            assert read(reader, "row-100-gone").status_code == 404, number
        time.sleep(1.5)  # the last batch of times is written by then
        assert read(reader, "row-100-gone").status_code == 404
        left = writer.get("/api/v1/flags", params={"search": "row-100-gone"}).json()["items"]
        assert left == []


def row_101_of_many_creators_one_wins(place: Place) -> None:
    with ThreadPoolExecutor(CREATORS) as pool, place.client as client:

        def attempt(number: int) -> int:
            with place.client as own:
                return create(own, "row 101", number % 2 == 0).status_code

        statuses = list(pool.map(attempt, range(CREATORS)))
        assert sorted(statuses) == [200] + [400] * (CREATORS - 1)
        found = client.get("/api/v1/flags", params={"search": "row 101"}).json()["items"]
        assert [(flag["key"], flag["name"], flag["version"]) for flag in found] == [("row-101", "row 101", 1)]


def row_102_every_change_is_an_audit_event_and_no_read_is(place: Place) -> None:
    place.allow_deletion("false")
    with place.client as client:
        create(client, "row-102", True)
        write(client, "row-102", False)
        read(client, "row-102")
        settled(client, 403)
        assert client.delete("/feature-flag/row-102").status_code == 403
        events = client.get("/api/v1/audit", params={"limit": "20"}).json()["items"]
        refused = [event for event in events if event["action"] == "flag.deletion_refused"]
        assert refused[0]["after"] == {"name": "row-102"}
        assert (refused[0]["actor"], refused[0]["reason"]) == ("test", "allow-flag-deletion is not true")
        changes = client.get("/api/v1/audit", params={"key": "row-102"}).json()["items"]
        assert [event["action"] for event in changes] == ["flag.updated", "flag.created"]
        assert client.get("/api/v1/audit/verify").json()["ok"] is True


def row_103_an_absent_flag_is_no_error(place: Place) -> None:
    log = place.plain.data.with_name("plain.log")
    with place.client as client:
        assert read(client, "row-103").status_code == 404
        assert write(client, "row-103", True).status_code == 404
    assert "error" not in log.read_text(encoding="utf-8").lower()


ROWS: dict[int, Callable[[Place], None]] = {
    int(name.split("_")[1]): prove for name, prove in list(globals().items()) if re.match(r"row_\d", name)
}


def test_every_row_of_the_dialect_is_proved() -> None:
    assert sorted(ROWS) == list(range(91, 104))
    assert set(LATER) <= set(ROWS)


@pytest.mark.parametrize("row", sorted(ROWS), ids=lambda row: ROWS[row].__name__)
def test_a_row_holds(row: int, place: Place) -> None:
    ROWS[row](place)


def race(
    pool: ThreadPoolExecutor, one: Callable[[], httpx.Response], other: Callable[[], httpx.Response]
) -> tuple[httpx.Response, httpx.Response]:
    """Both at once."""
    first: Future[httpx.Response] = pool.submit(one)
    second = pool.submit(other)
    return first.result(), second.result()


def settled(client: httpx.Client, status: int) -> None:
    """Wait until deleting what is not there is answered so: what the parameter says is then known."""
    eventually(lambda: client.delete("/feature-flag/absent").status_code == status)


def eventually(holds: Callable[[], bool]) -> None:
    """Ask until it holds; a parameter is believed for five seconds."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)
