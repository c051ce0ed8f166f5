"""`burgee import`: files to the server, what changed to people."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.model.limits import DEFAULT_LIMITS

FLAG = {"key": "a", "variants": {"on": True}, "version": 1}
CREATED = {"flagSet": "default", "key": "a", "change": "created", "before": None, "after": FLAG}
EDITED = {**FLAG, "version": 2, "description": "x"}
UPDATED = {**CREATED, "change": "updated", "before": FLAG, "after": EDITED}
DELETED = {**CREATED, "key": "b", "change": "deleted", "before": FLAG, "after": None}
UNCHANGED = {**CREATED, "key": "c", "change": "unchanged", "before": FLAG, "after": FLAG}


def trial(*changes: Any, warnings: Any = ()) -> httpx.Response:
    """What a dry run answers: every change with its before and after."""
    document = {"changes": changes, "warnings": warnings, "revisions": {"default": 0}, "dryRun": True}
    return httpx.Response(200, json=document)


def report(*changes: Any, warnings: Any = ()) -> httpx.Response:
    """What a publish answers: the changes without their content."""
    bare = [{name: change[name] for name in ("flagSet", "key", "change")} for change in changes]
    document = {"changes": bare, "warnings": warnings, "revisions": {"default": 1}, "dryRun": False}
    return httpx.Response(200, json=document)


def refusal(pointer: str) -> httpx.Response:
    errors = [{"pointer": pointer, "code": "bad", "detail": "is bad"}]
    return httpx.Response(422, json={"detail": "bad", "errors": errors})


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "one.json").write_bytes(b'{"flags": {}}')
    (tmp_path / "two.yaml").write_bytes(b"flags: {}")
    return [str(tmp_path / "one.json"), str(tmp_path / "two.yaml")]


def test_a_file_is_tried_and_then_published_as_it_is(burgee: Any, files: list[str]) -> None:
    burgee.answers(trial(CREATED), report(CREATED))
    ran = burgee("import", files[0])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"+ default/a\n{files[0]}: 1 created\n"
    assert burgee.sent == ["POST /api/v1/import?dryRun=true", "POST /api/v1/import"]
    assert burgee.requests[1].content == b'{"flags": {}}'
    assert burgee.requests[1].headers["content-type"] == "application/json"


def test_yaml_is_known_by_its_extension(burgee: Any, files: list[str]) -> None:
    burgee.answers(trial(), report())
    assert burgee("import", files[1]).out == f"{files[1]}: nothing to change\n"
    assert burgee.requests[0].headers["content-type"] == "application/yaml"


def test_every_option_reaches_the_server(burgee: Any, files: list[str]) -> None:
    burgee.answers(trial())
    options = "--flag-set s --source x --dry-run --lenient --replace --force"
    ran = burgee("import", files[0], *options.split())
    assert "(dry run, nothing written)" in ran.out
    assert dict(burgee.requests[0].url.params) == {
        "flagSet": "s",
        "source": "x",
        "dryRun": "true",
        "lenient": "true",
        "replace": "true",
        "force": "true",
    }


def test_several_files_are_tried_before_any_is_written(burgee: Any, files: list[str]) -> None:
    burgee.answers(trial(CREATED), trial(UPDATED), report(CREATED), report(UPDATED))
    assert burgee("import", *files).code == 0
    assert [request.url.params.get("dryRun") for request in burgee.requests] == ["true", "true", None, None]


def test_one_refused_file_of_several_stops_all_and_every_fault_is_told(burgee: Any, files: list[str]) -> None:
    burgee.answers(refusal("/flags/a"), refusal("/flags/b"))
    ran = burgee("import", *files)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        f"burgee: {files[0]}#/flags/a: is bad [bad]",
        f"burgee: {files[1]}#/flags/b: is bad [bad]",
    ]
    assert len(burgee.requests) == 2


def test_what_changed_is_shown_place_by_place(burgee: Any, files: list[str]) -> None:
    warning = {"flagKey": "a", "pointer": "/variants/x", "code": "unreachable-variant", "message": "never"}
    changes = (UPDATED, DELETED, UNCHANGED)
    burgee.answers(trial(*changes), report(*changes, warnings=[warning]))
    ran = burgee("import", files[0])
    assert ran.out.splitlines() == [
        "~ default/a",
        '    /description: (none) -> "x"',
        "- default/b",
        f"{files[0]}: 1 updated, 1 deleted",
    ]
    assert ran.err == "warning: a/variants/x: never [unreachable-variant]\n"


@pytest.mark.parametrize(("count", "shown", "more"), [(50, 50, False), (51, 50, True)])
def test_a_long_list_is_cut_and_says_so(
    burgee: Any, files: list[str], count: int, shown: int, more: bool
) -> None:
    burgee.answers(trial(), report(*[CREATED] * count))
    out = burgee("import", files[0]).out
    assert out.count("+ default/a") == shown
    assert ("and 1 more" in out) is more


def test_programs_get_every_report(burgee: Any, files: list[str]) -> None:
    burgee.answers(trial(CREATED), report(CREATED))
    change = {"flagSet": "default", "key": "a", "change": "created"}
    assert burgee("import", files[0], "--json").document == [
        {"file": files[0], "changes": [change], "warnings": [], "revisions": {"default": 1}, "dryRun": False}
    ]


def test_replacing_by_several_files_is_wrong_usage(burgee: Any, files: list[str]) -> None:
    assert burgee("import", *files, "--replace").code == 2
    assert burgee.requests == []


@pytest.mark.parametrize(("extra", "code"), [(-1, 0), (0, 0), (1, 1)])
def test_a_file_over_the_import_limit_is_never_sent(
    burgee: Any, tmp_path: Path, extra: int, code: int
) -> None:
    file = tmp_path / "large.json"
    file.write_bytes(b" " * (DEFAULT_LIMITS.import_bytes + extra))
    burgee.answers(trial(), report())
    assert burgee("import", str(file)).code == code
    assert len(burgee.requests) == (0 if code else 2)


def test_a_missing_file_is_wrong_usage(burgee: Any, tmp_path: Path) -> None:
    assert burgee("import", str(tmp_path / "nothing.json")).code == 2


def test_another_error_ends_the_import(burgee: Any, files: list[str]) -> None:
    burgee.answers(httpx.Response(403, json={"detail": "readers do not write"}))
    ran = burgee("import", *files)
    assert (ran.code, len(burgee.requests)) == (5, 1)
    assert "readers do not write" in ran.err
