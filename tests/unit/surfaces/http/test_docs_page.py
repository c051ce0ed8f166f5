"""The documentation page: complete, self-contained, and nothing in it runs that is not ours."""

import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from burgee.surfaces.http.docs_page import docs_html
from burgee.surfaces.http.problems import KINDS
from burgee.surfaces.http.routes import OPERATIONS


class Page(HTMLParser):
    """Collects ids, addresses and inline code of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.suspicious: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action"):
                self.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.suspicious.append(f"{tag} {name}")


def test_every_operation_and_problem_has_its_place(client: TestClient) -> None:
    page = Page(client.get("/docs").text)
    wanted = {operation.name for operation in OPERATIONS} | {f"problem-{k.slug}" for k in KINDS.values()}
    assert wanted <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(client: TestClient) -> None:
    response = client.get("/docs")
    page = Page(response.text)
    assert page.suspicious == []
    assert all(address.startswith("/") and not address.startswith("//") for address in page.addresses)
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    for address in {address for address in page.addresses if address.startswith("/docs/")}:
        asset = client.get(address)
        assert asset.status_code == 200
        assert not re.search(r"https?://|@import|innerHTML|eval\(", asset.text)


@pytest.mark.parametrize(
    ("path", "kind"), [("/docs/style.css", "text/css"), ("/docs/try.js", "text/javascript")]
)
def test_assets_have_their_type(client: TestClient, path: str, kind: str) -> None:
    assert client.get(path).headers["content-type"] == f"{kind}; charset=utf-8"


def test_only_what_reads_can_be_tried(client: TestClient) -> None:
    text = client.get("/docs").text
    tried = re.findall(r'<form data-path="([^"]+)"', text)
    reads = {o.path for o in OPERATIONS if o.method == "GET" and o.path.startswith("/api/")}
    assert set(tried) == reads


def test_text_of_the_document_cannot_become_markup() -> None:
    evil = b"""{"info": {"description": "<img src=x onerror=alert(1)>"}, "components": {"responses": {}},
      "paths": {"/<b>": {"get": {"tags": ["<i>"], "operationId": "\\"x", "summary": "<script>",
      "responses": {}}}}}"""
    page = docs_html(evil)
    assert "<img" not in page
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b>" not in page
    assert "problem-invalid-input" in page
