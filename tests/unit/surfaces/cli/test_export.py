"""`burgee export`."""

from pathlib import Path
from typing import Any

import httpx

DOCUMENT = b'{"flags":{"a":{"variants":{"x":10.0}}}}'


def test_the_document_is_printed_as_it_came(burgee: Any) -> None:
    burgee.answers(httpx.Response(200, content=DOCUMENT))
    assert burgee("export").out == DOCUMENT.decode() + "\n"
    assert burgee.sent == ["GET /api/v1/export?flagSet=default"]


def test_the_document_is_written_to_a_file(burgee: Any, tmp_path: Path) -> None:
    burgee.answers(httpx.Response(200, content=DOCUMENT))
    target = tmp_path / "out.json"
    ran = burgee("export", "--flag-set", "s", "-o", str(target), "--json")
    assert target.read_bytes() == DOCUMENT + b"\n"
    assert ran.document == {"file": str(target), "flagSet": "s", "bytes": len(DOCUMENT) + 1}


def test_a_place_that_cannot_be_written_is_wrong_usage(burgee: Any, tmp_path: Path) -> None:
    burgee.answers(httpx.Response(200, content=DOCUMENT))
    assert burgee("export", "-o", str(tmp_path / "no" / "where.json")).code == 2


def test_an_unknown_flag_set_leaves_the_file_alone(burgee: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")
    burgee.answers(httpx.Response(404, json={"detail": "no such set"}))
    assert burgee("export", "-o", str(target)).code == 3
    assert target.read_text() == "before"
