"""The checklist of requests, answers and stores (reliability.md 3.2, items 46 to 54), each by its number.

What needs a process of its own (45, 55, 56) is in `integration/test_checklist_server.py`, records and races
(57 to 60) in `test_checklist_records.py`.
"""

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

import burgee
from burgee.bootstrap import open_application
from burgee.model.limits import DEFAULT_LIMITS
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.edge import Deadlines
from burgee.surfaces.http.ofrep import BULK_BYTES, Ofrep
from burgee.surfaces.http.operation import Operation
from burgee.surfaces.http.routes import OPERATIONS
from burgee.testing.listening import listening
from burgee.testing.role_matrix import concrete

SOURCE = Path(burgee.__file__).parent
FLAG = "/api/v1/flags/banner"
BODY = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
STREAM = b"GET /ofrep/v1/sse HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Services]:
    with open_application(Settings(data=str(tmp_path / "data"))) as opened:
        yield opened


def signed_in(services: Services, role: Role = Role.ADMIN, **options: Any) -> TestClient:
    headers = {"authorization": f"Bearer {services.access.issue_token(role.value, role, 600)}"}
    app = build_app(services, **options)
    return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)


def evaluation(services: Services) -> Ofrep:
    return Ofrep(services.live, services.access, Counters(SharedCounters.create(1), 0), open_to_all=True)


# -- 46: everything that a client may do slowly or often has an end


@pytest.mark.parametrize(
    "start",
    [
        b"G",
        b"POST /echo HTTP/1.1\r\nhost: x\r\nx-a: ",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    ],
    ids=["first line", "header", "body"],
)
def test_item_46_a_slow_request_is_ended_at_its_deadline(services: Services, start: bytes) -> None:
    deadlines = Deadlines(head=0.4, body=0.4, idle=0.4, linger=0.2)
    with listening(services, deadlines=deadlines) as server, server.connect(5) as slow:
        slow.sendall(start)
        began = time.monotonic()
        answer = b""
        while part := slow.recv(4096):
            answer += part
        assert 0.3 < time.monotonic() - began < 3
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_item_46_one_connection_over_the_cap_is_turned_away(services: Services) -> None:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, connections=2)
    with listening(services, limits=limits) as server, server.connect() as first, server.connect() as second:
        for connection in (first, second):
            connection.sendall(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert server.exchange(b"").startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("inline", [True, False])
def test_item_46_one_address_may_not_take_all_streams(services: Services, inline: bool) -> None:
    limits = msgspec.structs.replace(DEFAULT_LIMITS, streams=10, streams_per_address=2)
    with listening(services, limits=limits, inline=inline) as server:
        opened = [server.connect() for _ in range(2)]
        for connection in opened:
            connection.sendall(STREAM)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        spoofed = STREAM[:-2] + b"x-forwarded-for: 192.0.2.9\r\nforwarded: for=192.0.2.9\r\n\r\n"
        for request in (STREAM, spoofed):
            refused = server.exchange(request[:-2] + b"connection: close\r\n\r\n")
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: " in refused
        assert not server.hub.full("192.0.2.9")
        opened.pop().close()
        give_up = time.monotonic() + 5
        while server.hub.full("127.0.0.1") and time.monotonic() < give_up:
            time.sleep(0.01)
        with server.connect() as again:
            again.sendall(STREAM)
            assert again.recv(4096).startswith(b"HTTP/1.1 200 ")
        opened.pop().close()
    assert server.hub._addresses == {}


# -- 47: rates


def test_item_47_a_key_has_a_rate_and_is_told_when_to_come_back() -> None:
    with open_application(Settings(data=":memory:", token_rate=1), clock=lambda: 1_800_000_000.0) as services:
        client = signed_in(services)
        answers = [client.get("/api/v1/flags") for _ in range(12)]
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200] * statuses.count(200) + [429] * statuses.count(429)
        assert 1 <= statuses.count(429) <= 11
        refused = answers[-1].headers
        assert int(refused["retry-after"]) >= 1
        assert refused["ratelimit-remaining"] == "0"
        assert int(refused["ratelimit-limit"]) >= 1
        assert int(refused["ratelimit-reset"]) >= 1
        # Another key has a rate of its own.
        assert signed_in(services, Role.READER).get("/api/v1/flags").status_code == 200


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-real-ip", "forwarded", "client-ip", "true-client-ip"]
)
def test_item_47_no_header_of_a_client_gives_it_another_address(header: str) -> None:
    with open_application(
        Settings(data=":memory:", address_rate=1), clock=lambda: 1_800_000_000.0
    ) as services:
        client = TestClient(build_app(services), raise_server_exceptions=False)
        statuses = [
            client.get(
                "/api/v1/flags",
                headers={header: f"for=192.0.2.{number}" if header == "forwarded" else f"192.0.2.{number}"},
            ).status_code
            for number in range(30)
        ]
        assert set(statuses[:1]) == {401}
        assert set(statuses[15:]) == {429}


# -- 48: no answer grows with the store


PAGES = [
    operation
    for operation in OPERATIONS
    if any(parameter.name == "cursor" for parameter in operation.parameters)
]


def test_item_48_every_list_of_ours_has_a_cursor_and_a_limit() -> None:
    lists = {each.name for each in OPERATIONS if each.name.startswith("list") and each.dialect is None}
    # Flag sets are few: a store of very many would not fit into one process.
    assert lists - {"listFlagSets"} == {each.name for each in PAGES if each.dialect is None}
    assert all("limit" in {parameter.name for parameter in each.parameters} for each in PAGES)


@pytest.mark.parametrize("operation", PAGES, ids=lambda operation: operation.name)
def test_item_48_a_page_has_at_most_a_thousand_items(operation: Operation, admin: TestClient) -> None:
    admin.put(FLAG, json=BODY)
    path = concrete(operation.path, {"flagSet": "default"})
    for limit, accepted in (
        (0, False),
        (1, True),
        (1_000, True),
        (1_001, False),
        (10**18, False),
        (-1, False),
    ):
        status = admin.get(f"{path}?limit={limit}").status_code
        assert status == (200 if accepted else 400), limit


def test_item_48_a_bulk_answer_that_would_be_too_long_is_refused(
    services: Services, admin: TestClient
) -> None:
    value = "x" * 60_000
    flags = {
        f"flag-{number}": {"state": "ENABLED", "variants": {"on": value}, "defaultVariant": "on"}
        for number in range(100)
    }
    for part in range(3):
        document = {"flags": {f"{part}-{key}": flag for key, flag in flags.items()}}
        assert admin.post("/api/v1/import", json=document).status_code == 200
    assert len(services.live.current.programs["default"].flags) * len(value) > BULK_BYTES
    answer = evaluation(services).bulk(b"", {}, b'{"context":{}}')
    assert answer.status >= 400
    assert len(answer.body) < 10_000
    one = evaluation(services).single("0-flag-0", {}, b'{"context":{}}')
    assert one.status == 200


# -- 49: what is sent is never a part of a query

QUOTES = (
    "'",
    '"',
    "''",
    "' OR '1'='1",
    "'; DROP TABLE flags; --",
    '" OR ""="',
    "1) OR (1=1",
    "%",
    "_",
    "*",
    "\\",
    "\\'",
    "' UNION SELECT content FROM sdk_keys --",
    "x' AND 1=CAST((SELECT count(*) FROM audit) AS INT) --",
    "$where",
    "{$gt:''}",
    "?1",
    ":limit",
    "[1]",
    "'||(SELECT 1)||'",
    "\u02bc OR 1=1",
    "%27%20OR%201=1",
)


def test_item_49_quotes_are_only_text(on_disk: Services) -> None:
    admin = signed_in(on_disk)
    admin.put(FLAG, json=BODY | {"description": "the only one"})
    admin.put("/api/v1/flag-sets/other/flags/hidden", json=BODY | {"description": "HIDDEN"})
    admin.put(f"{FLAG}/overrides/ada", json={"status": "ENABLED", "reason": "PINNED"})
    before = (admin.get("/api/v1/export").text, on_disk.audit_log.verify().checked)
    for quote in QUOTES:
        for name in ("search", "tag"):
            found = admin.get("/api/v1/flags", params={name: quote})
            assert found.status_code == 200
            assert found.json()["items"] == [], (name, quote)
        assert admin.get("/api/v1/audit", params={"actor": quote}).json()["items"] == []
        for name in ("action", "key", "flagSet", "cursor"):
            answer = admin.get("/api/v1/audit", params={name: quote})
            assert answer.status_code == 400 or answer.json()["items"] == [], (name, quote)
        for path in ("/api/v1/subjects/{}/overrides", "/users/{}/feature-flags"):
            found = admin.get(path.format(quote.replace("%", "%25").replace("?", "%3F").replace("/", "%2F")))
            assert found.status_code in {200, 400}, (path, quote)
            assert "PINNED" not in found.text
            assert "HIDDEN" not in found.text
        for path in (
            FLAG.replace("banner", "{}"),
            "/feature-flags/{}",
            "/feature-flag/{}",
            "/api/v1/flag-sets/{}",
        ):
            answer = admin.get(path.format(quote.replace("%", "%25").replace("?", "%3F")))
            assert answer.status_code in {400, 404}, (path, quote)
        assert admin.put(FLAG, json={}, headers={"idempotency-key": quote.encode()}).status_code < 500
    assert (admin.get("/api/v1/export").text, on_disk.audit_log.verify().checked) == before


def test_item_49_a_text_with_quotes_comes_back_as_it_was(on_disk: Services) -> None:
    admin = signed_in(on_disk)
    for number, quote in enumerate(QUOTES):
        body = {**BODY, "name": quote, "description": quote, "tags": [quote]}
        assert admin.put(f"{FLAG}-{number}", json=body).status_code == 201
        found = admin.get("/api/v1/flags", params={"tag": quote}).json()["items"]
        assert [flag["name"] for flag in found] == [quote]
    assert len(admin.get("/api/v1/flags").json()["items"]) == len(QUOTES)
    assert on_disk.audit_log.verify().ok


def statements() -> Iterator[tuple[str, ast.expr]]:
    for path in SOURCE.rglob("*.py"):
        if "testing" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name[:7] == "execute":
                        yield f"{path.relative_to(SOURCE)}:{node.lineno}", first


def is_written_here(node: ast.expr) -> bool:
    """Whether a statement is a literal, or one with constants of its module (UPPER_CASE) in it."""
    if isinstance(node, ast.JoinedStr):
        parts = [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
        return all(isinstance(part, ast.Name) and part.id.isupper() for part in parts)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_item_49_every_statement_is_written_in_the_source() -> None:
    found = dict(statements())
    assert len(found) > 50
    # These were looked at: constants of the module, chosen or joined just above. A new one must be, too.
    reviewed = {"names", "begin", "''.join(missing)", "f'DELETE FROM {table}'"}
    reviewed |= {"access_times.TABLE", "access_times.NOTE", "budgets.TABLE"}
    assert {ast.unparse(node) for node in found.values() if not is_written_here(node)} <= reviewed


# -- 50: nothing that is sent is ever run

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}


def test_item_50_one_file_makes_code_and_none_unpickles() -> None:
    makes, loads = set(), set()
    for path in SOURCE.rglob("*.py"):
        name = str(path.relative_to(SOURCE))
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in FORBIDDEN_CALLS
            ):
                makes.add(name)
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if {each.partition(".")[0] for each in names} & FORBIDDEN_MODULES:
                loads.add(name)
            if re.fullmatch(
                r"yaml\.(unsafe_|full_)?load", ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            ):
                loads.add(name)
    assert makes == {"engine/codegen.py"}
    assert loads == set()


def test_item_50_the_linter_finds_nothing_of_the_kind_even_where_it_is_told_not_to_look() -> None:
    rules = "S301,S302,S307,S506,S602,S605"
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--ignore-noqa",
        "--select",
        rules,
    ]
    done = subprocess.run([*command, str(SOURCE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


CODE = (
    "__import__('pathlib').Path({mark!r}).touch()",
    "')+__import__('pathlib').Path({mark!r}).touch()+('",
    '"+__import__("pathlib").Path({mark!r}).touch()+"',
    "\\'+open({mark!r},'w')+\\'",
    "\n__import__('pathlib').Path({mark!r}).touch()\n#",
    "{{{{__import__('pathlib').Path({mark!r}).touch()}}}}",
    "'''+str(open({mark!r},'w'))+'''",
)


@pytest.mark.parametrize("code", CODE)
def test_item_50_code_in_a_rule_is_text(
    services: Services, admin: TestClient, tmp_path: Path, code: str
) -> None:
    mark = tmp_path / "ran"
    text = code.format(mark=str(mark))
    rule = {
        "if": [
            {"==": [{"var": text}, text]},
            "on",
            {"in": [text, [text, {"var": ["a", text]}]]},
            "off",
            {"fractional": [{"cat": [text, {"var": "targetingKey"}]}, ["on", 50], ["off", 50]]},
        ]
    }
    body = {**BODY, "targeting": rule, "metadata": {"note": text}, "description": text.strip() or "x"}
    status = admin.put(FLAG, json=body).status_code
    assert status in {201, 400, 422}
    for context in ({text: text}, {"targetingKey": text}, {}):
        evaluation(services).single("banner", {}, json.dumps({"context": context}).encode())
    other = {**BODY, "variants": {"on": text, "off": "x"}}
    assert admin.put("/api/v1/flags/other", json=other).status_code == 201
    assert evaluation(services).single("other", {}, b'{"context":{}}').status == 200
    assert not mark.exists()


# -- 51: `var` looks nothing up but members of objects and places of lists


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "__proto__",
        "constructor",
        "__dict__",
        "__init__.__globals__",
        "keys",
        "items",
        "a.__class__",
        "a.keys",
        "a.__class__.__mro__",
        "list.__len__",
        "list.append",
        "text.upper",
        "list.-1",
        "toString",
        "a.b.__doc__",
    ],
)
def test_item_51_a_name_is_a_member_or_nothing(services: Services, admin: TestClient, name: str) -> None:
    rule = {"if": [{"===": [{"var": [name, "NOTHING"]}, "NOTHING"]}, "off", "on"]}
    assert admin.put(FLAG, json={**BODY, "targeting": rule}).status_code == 201
    ofrep = evaluation(services)

    def variant(context: dict[str, Any]) -> str:
        answer = ofrep.single("banner", {}, json.dumps({"context": context}).encode())
        return str(json.loads(answer.body)["variant"])

    assert variant({"a": {"b": {}}, "list": [1, 2], "text": "abc"}) == "off"
    assert variant({}) == "off"
    if "." not in name:
        assert variant({name: "its own"}) == "on"


# -- 52 and 53: the pages

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    '"><svg onload=alert(1)>',
]


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


PAGES_OF_OURS = [
    each.path
    for each in OPERATIONS
    if each.permission is None and each.method == "GET" and each.tag != "Real-Dev-Squad"
]


@pytest.mark.parametrize("text", HOSTILE)
def test_item_52_what_is_stored_never_becomes_part_of_a_page(admin: TestClient, text: str) -> None:
    body = {**BODY, "name": text, "description": text, "tags": [text], "metadata": {"link": text}}
    assert admin.put(FLAG, json=body).status_code == 201
    admin.put("/api/v1/flag-sets/default", json={"metadata": {"link": text}})
    for path in PAGES_OF_OURS:
        assert text not in admin.get(path).text
    for path in (
        "/api/v1/flags",
        FLAG,
        "/api/v1/audit",
        "/feature-flags",
        f"/api/v1/flags/{text}",
        f"/{text}",
    ):
        answer = admin.get(path)
        assert answer.headers["content-type"].split(";")[0] in {
            "application/json",
            "application/problem+json",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("text", HOSTILE)
def test_item_52_a_code_in_a_link_is_shown_as_text(client: TestClient, text: str) -> None:
    plain = Tags(client.get("/sign-in").text).found
    for page in (client.get("/sign-in", params={"code": text}), client.post("/sign-in", data={"code": text})):
        assert text not in page.text
        assert {tag for tag, _ in Tags(page.text).found} <= {tag for tag, _ in plain} | {"p", "label"}


def test_item_52_scripts_write_only_text() -> None:
    scripts = list((SOURCE / "surfaces").rglob("*.js"))
    assert scripts
    for script in scripts:
        code = script.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
            r"|\.href\s*=|location\s*=",
            code,
        )
        assert "textContent" in code


@pytest.mark.parametrize(
    "path", ["/docs", "/sign-in", "/docs/style.css", "/docs/try.js", "/openapi.json", "/nowhere"]
)
@pytest.mark.parametrize("is_https", [True, False])
def test_item_53_pages_wear_the_headers_that_browsers_heed(
    services: Services, path: str, is_https: bool
) -> None:
    address = "https://flags.example" if is_https else "http://flags.example"
    headers = signed_in(services, public_url=address).get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy.get("script-src", "'none'") in {"'self'", "'none'"}
    assert policy.get("object-src", policy["default-src"]) == "'none'"
    if headers["content-type"].startswith("text/html"):
        assert policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert headers["cross-origin-opener-policy"] == "same-origin"
    if is_https:
        assert int(headers["strict-transport-security"].removeprefix("max-age=").split(";")[0]) >= 31_536_000
    else:
        assert "strict-transport-security" not in headers


@pytest.mark.parametrize("path", ["/docs", "/sign-in"])
def test_item_53_a_page_has_nothing_inline_and_nothing_of_others(client: TestClient, path: str) -> None:
    for tag, attributes in Tags(client.get(path).text).found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "style"
        if tag == "script":
            assert (attributes.get("src") or "").startswith("/")
        for name in ("src", "href", "action"):
            assert not (attributes.get(name) or "/").startswith(("http:", "https:", "//", "javascript:"))


# -- 54: the headers of answers


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_item_54_an_answer_says_what_it_is_and_is_not_kept(
    operation: Operation, admin: TestClient, client: TestClient
) -> None:
    admin.put(FLAG, json=BODY)
    path = concrete(operation.path, {"flagSet": "default"})
    for caller in (admin, client):
        answer = caller.request(operation.method, path, json={} if operation.payload else None)
        assert answer.headers["x-content-type-options"] == "nosniff"
        if operation.permission is not None:
            assert "no-store" in answer.headers["cache-control"]
        kind = answer.headers.get("content-type", "")
        if kind.startswith("application/json"):
            assert kind == "application/json; charset=utf-8"
        elif answer.content:
            assert kind.startswith(("application/problem+json", "text/"))


def test_item_54_the_tag_of_an_evaluation_depends_on_who_asks(services: Services, admin: TestClient) -> None:
    for flag_set in ("m", "q"):
        admin.put(f"/api/v1/flag-sets/{flag_set}/flags/banner", json=BODY)
    shut = Ofrep(services.live, services.access, Counters(SharedCounters.create(1), 0), open_to_all=False)

    def headers_of(flag_set: str) -> dict[bytes, bytes]:
        key = admin.post(
            "/api/v1/keys", json={"name": flag_set, "kind": "server", "flagSets": [flag_set]}
        ).json()["key"]
        return {b"authorization": f"Bearer {key}".encode()}

    ours, theirs = headers_of("m"), headers_of("q")
    body = b'{"context":{"targetingKey":"ada"}}'
    first = shut.bulk(b"", ours, body)
    tag = dict(first.headers)[b"etag"]
    assert shut.bulk(b"", {**ours, b"if-none-match": tag}, body).status == 304
    assert shut.bulk(b"", {**theirs, b"if-none-match": tag}, body).status == 200
    assert shut.unchanged({**theirs, b"if-none-match": tag}, body) is None
    assert shut.unchanged({b"if-none-match": tag}, body) is None
    assert b"public" not in dict(first.headers).get(b"cache-control", b"")
