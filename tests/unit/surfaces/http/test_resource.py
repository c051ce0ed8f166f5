"""Bodies and media types at the door of an operation."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from burgee.service.services import Services

FLAG = "/api/v1/flags/banner"
GOOD = b'{"variants":{"on":true},"defaultVariant":"on"}'


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ('application/json; charset="utf-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/json; x=1", 415),
        ("text/plain", 415),
        ("application/merge-patch+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_only_json_in_utf_8_is_read(admin: TestClient, content_type: str, status: int) -> None:
    response = admin.put(FLAG, content=GOOD, headers={"content-type": content_type})
    assert response.status_code == status


def test_a_compressed_body_is_not_read(admin: TestClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert admin.put(FLAG, content=GOOD, headers=headers).status_code == 415


@pytest.mark.parametrize(("over", "status"), [(0, 201), (1, 413)])
def test_the_ceiling_counts_announced_and_streamed_bytes(
    admin: TestClient, services: Services, over: int, status: int
) -> None:
    size = services.limits.body_bytes + over
    body = GOOD + b" " * (size - len(GOOD))

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    headers = {"content-type": "application/json"}
    assert admin.put(FLAG, content=body, headers=headers).status_code == status
    chunked = admin.put(f"{FLAG}-2", content=chunks(), headers=headers)
    assert chunked.status_code == status


def test_an_import_may_be_larger_than_other_bodies(admin: TestClient, services: Services) -> None:
    headers = {"content-type": "application/json"}
    document = b'{"flags":{}}'
    fits = document + b" " * (services.limits.import_bytes - len(document))
    assert admin.post("/api/v1/import?dryRun=true", content=fits, headers=headers).status_code == 200
    assert admin.post("/api/v1/import?dryRun=true", content=fits + b" ", headers=headers).status_code == 413


def test_who_may_not_is_refused_before_the_body_is_looked_at(client: TestClient) -> None:
    headers = {"content-type": "text/plain"}
    assert client.put(f"{FLAG}?x=1", content=b"x" * 300_000, headers=headers).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"variants":', b"\x00"])
def test_a_body_that_is_not_an_object_is_400(admin: TestClient, body: bytes) -> None:
    response = admin.put(FLAG, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"]


def test_reading_changes_nothing(admin: TestClient, services: Services) -> None:
    admin.put(FLAG, content=GOOD, headers={"content-type": "application/json"})
    before = (services.audit_log.verify(), admin.get("/api/v1/export").content)
    document = admin.get("/openapi.json").json()
    for path, item in document["paths"].items():
        if "get" in item and not path.startswith("/ofrep"):
            admin.get(path.replace("{flagSet}", "default").replace("{key}", "banner"))
    assert (services.audit_log.verify(), admin.get("/api/v1/export").content) == before
