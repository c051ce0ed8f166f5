"""`burgee overrides import`: files of any length, in parts."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from burgee.errors import Fault, MalformedError
from burgee.surfaces.cli import overrides_import
from burgee.surfaces.cli.overrides_import import parts_of

HEADER = "targetingKey,variant\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "beta.csv"
    path.write_text(HEADER + "a,on\nb,on\nc,on\n", encoding="utf-8")
    return path


def report(created: int, *, dry_run: bool) -> httpx.Response:
    return httpx.Response(200, json={"dryRun": dry_run, "created": created, "updated": 1, "unchanged": 0})


def test_a_file_is_tried_and_then_written(burgee: Any, file: Path) -> None:
    burgee.answers(report(2, dry_run=True), report(2, dry_run=False))
    ran = burgee("overrides", "import", str(file), "--key", "banner", "--flag-set", "s")
    assert ran.out == f"{file}: 2 created, 1 updated, 0 unchanged\n"
    path = "POST /api/v1/overrides/import?flagSet=s&key=banner&dryRun="
    assert burgee.sent == [f"{path}true", f"{path}false"]
    assert {request.headers["content-type"] for request in burgee.requests} == {"text/csv"}
    assert burgee.requests[0].content == file.read_bytes()


def test_a_dry_run_is_only_tried(burgee: Any, file: Path) -> None:
    burgee.answers(report(2, dry_run=True))
    assert burgee("overrides", "import", str(file), "--dry-run").out.endswith("(dry run, nothing written)\n")
    assert len(burgee.requests) == 1


def test_a_long_file_goes_in_parts_and_is_counted_as_one(
    burgee: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overrides_import, "ROWS_AT_ONCE", 2)
    burgee.answers(*[report(1, dry_run=True)] * 2, *[report(1, dry_run=False)] * 2)
    ran = burgee("overrides", "import", str(file), "--json")
    assert ran.document == {
        "file": str(file),
        "dryRun": False,
        "created": 2,
        "updated": 2,
        "unchanged": 0,
    }
    assert [request.content for request in burgee.requests] == [
        f"{HEADER}a,on\nb,on\n".encode(),
        f"{HEADER}c,on\n".encode(),
    ] * 2


def test_faults_have_the_line_of_the_file_and_nothing_is_written(
    burgee: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overrides_import, "ROWS_AT_ONCE", 2)
    errors = [{"pointer": "/2/variant", "code": "unknown-variant", "detail": "no"}]
    burgee.answers(report(2, dry_run=True), httpx.Response(400, json={"errors": errors}))
    ran = burgee("overrides", "import", str(file))
    assert ran.code == 1
    assert ran.err == "burgee: /4/variant: no [unknown-variant]\n"
    assert len(burgee.requests) == 2


@pytest.mark.parametrize("content", [b"targetingKey\n\xff", b'targetingKey\n"a"b\n', b'targetingKey\n"a'])
def test_what_is_no_csv_is_refused_before_anything_is_sent(
    burgee: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert burgee("overrides", "import", str(path)).code == 1
    assert burgee.requests == []


def test_a_missing_file_is_wrong_usage(burgee: Any, tmp_path: Path) -> None:
    assert burgee("overrides", "import", str(tmp_path / "none.csv")).code == 2


class TestParts:
    @pytest.mark.parametrize(("rows", "parts"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
    def test_no_part_has_more_rows_than_allowed(
        self, monkeypatch: pytest.MonkeyPatch, rows: int, parts: int
    ) -> None:
        monkeypatch.setattr(overrides_import, "ROWS_AT_ONCE", 2)
        body = [f"u-{number},on\r\n" for number in range(rows)]
        found = list(parts_of("targetingKey,variant\r\n" + "".join(body)))
        assert len(found) == parts
        sent = [line for part in found for line in part.content.decode().splitlines(keepends=True)[1:]]
        assert sent == body

    def test_a_part_ends_where_it_has_become_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(overrides_import, "CHARACTERS_AT_ONCE", 10)
        found = list(parts_of(HEADER + "aaaa,on\nb,on\nc,on\n"))
        assert [part.content.count(b"\n") - 1 for part in found] == [2, 1]

    def test_a_cell_of_several_lines_stays_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(overrides_import, "ROWS_AT_ONCE", 1)
        found = list(parts_of('targetingKey,reason\na,"x\ny, ""z"""\nb,c\n'))
        assert [part.content.decode().removeprefix("targetingKey,reason\n") for part in found] == [
            'a,"x\ny, ""z"""\n',
            "b,c\n",
        ]
        assert found[1].in_file(Fault("/2/variant", "c", "m")).pointer == "/4/variant"
        assert found[1].in_file(Fault("/2", "c", "m")).pointer == "/4"

    @pytest.mark.parametrize("pointer", ["/1", "/status", "", "/1/x"])
    def test_a_fault_outside_the_rows_keeps_its_place(self, pointer: str) -> None:
        (part,) = parts_of(HEADER)
        assert part.in_file(Fault(pointer, "c", "m")).pointer == pointer

    def test_blank_lines_before_the_header_belong_to_it(self) -> None:
        (part,) = parts_of("\n\n" + HEADER + "a,on\n")
        assert (part.header_lines, part.content.decode()) == (3, "\n\n" + HEADER + "a,on\n")

    def test_an_empty_file_is_one_empty_part(self) -> None:
        assert [part.content for part in parts_of("")] == [b""]

    def test_a_quote_without_end_is_malformed(self) -> None:
        with pytest.raises(MalformedError):
            list(parts_of('a\n"b\n'))
