"""Problems become errors, pages become one list."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.errors import InvalidInputError, UnavailableError, VersionConflictError
from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli.management import Management, as_object, error_of, flag_path


def management(*answers: httpx.Response) -> tuple[Management, list[httpx.Request]]:
    left, seen = iter(answers), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return next(left)

    return Management(httpx.Client(transport=httpx.MockTransport(handle), base_url="http://test")), seen


def test_all_pages_are_read_in_order() -> None:
    api, seen = management(
        httpx.Response(200, json={"items": [{"n": 1}, {"n": 2}], "nextCursor": "a/b=="}),
        httpx.Response(200, json={"items": [], "nextCursor": "c"}),
        httpx.Response(200, json={"items": [{"n": 3}], "nextCursor": None}),
    )
    assert [item["n"] for item in api.pages("/x", {"tag": "t"})] == [1, 2, 3]
    assert [dict(request.url.params) for request in seen] == [
        {"tag": "t"},
        {"tag": "t", "cursor": "a/b=="},
        {"tag": "t", "cursor": "c"},
    ]


def test_the_next_page_is_not_asked_for_before_it_is_needed() -> None:
    api, seen = management(httpx.Response(200, json={"items": [{"n": 1}], "nextCursor": "more"}))
    assert next(api.pages("/x", {}))["n"] == 1
    assert len(seen) == 1


def test_what_is_none_is_not_sent_and_truth_is_lower_case() -> None:
    api, seen = management(httpx.Response(200, json={}))
    api.read("/x", {"a": None, "b": True, "c": 5})
    assert seen[0].url.query == b"b=true&c=5"


def test_a_conflict_names_the_version_and_what_is_there_now() -> None:
    problem: JsonObject = {
        "detail": "changed meanwhile",
        "currentVersion": 7,
        "diff": [{"pointer": "/status", "yours": "ENABLED", "current": "DISABLED"}],
    }
    error = error_of(412, problem)
    assert isinstance(error, VersionConflictError)
    assert error.current == 7
    assert str(error) == 'changed meanwhile\n  /status: now "DISABLED"'


def test_a_refusal_without_places_is_still_a_fault() -> None:
    error = error_of(400, {"title": "Bad Request"})
    assert isinstance(error, InvalidInputError)
    assert [(fault.pointer, fault.message) for fault in error.faults] == [("", "Bad Request")]


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_object_is_not_this_api(document: JsonValue) -> None:
    with pytest.raises(UnavailableError):
        as_object(document)


names = st.sampled_from(["detail", "errors", "diff", "title", "pointer"])
documents = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(names, inner)
)


@given(st.integers(300, 599), documents)
def test_any_answer_makes_an_error_and_never_a_crash(status: int, document: JsonValue) -> None:
    assert str(error_of(status, document))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_key_stays_one_segment_of_the_path(key: str) -> None:
    assert flag_path("default", key).count("/") == 6


def test_an_accepted_status_is_an_answer() -> None:
    api, _ = management(httpx.Response(404, json={"errorCode": "FLAG_NOT_FOUND"}))
    assert api.send("POST", "/x", accept=(404,)).document == {"errorCode": "FLAG_NOT_FOUND"}
