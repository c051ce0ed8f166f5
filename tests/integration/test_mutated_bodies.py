"""Whatever bytes a client sends to any route that takes a body, the server never answers 5xx and stays up."""

import os
import random
from pathlib import Path

import httpx
import pytest

from burgee.testing.server import running_server

BODIES = int(os.environ.get("BURGEE_FUZZ_EXAMPLES", "2000"))
SEED = 7

SEEDS = [
    b'{"variants":{"on":true,"off":false},"defaultVariant":"on","targeting":{"if":[{"==":[{"var":"a"},1]},"on"]}}',
    b'{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","metadata":{"x":1.5}}}}',
    b'{"context":{"targetingKey":"u1","a":[1,2,{"b":null}],"n":1e3}}',
    b'{"revision":1}',
    b'{"subject":"ada","role":"reader","ttlSeconds":60}',
    b'{"source":"s","priority":1,"fractional":"v3","metadata":{},"evaluators":{"e":{"==":[1,1]}}}',
    '{"name":"\u00e9\U0001f600","description":null,"tags":["a","b"],"status":"DISABLED"}'.encode(),
]
SPLICES = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"1e400",
    b"NaN",
    b"\x00",
    b"\xff",
    b"\\ud800",
    b"9" * 40,
]
SPLICES += [
    b"[" * 40,
    b'{"a":' * 40,
    b'"a":1,"a":2',
    b"\xef\xbb\xbf",
    b"-",
    b"0x1",
    b"true",
    b'{"$ref":"e"}',
    b"\\",
]

ROUTES = [
    ("PUT", "/api/v1/flags/a"),
    ("PATCH", "/api/v1/flags/a"),
    ("POST", "/api/v1/flags/a/restore"),
    ("PUT", "/api/v1/flag-sets/other"),
    ("PATCH", "/api/v1/flag-sets/other"),
    ("POST", "/api/v1/import"),
    ("POST", "/api/v1/validate"),
    ("POST", "/api/v1/tokens"),
    ("POST", "/feature-flags"),
    ("PATCH", "/feature-flags/a"),
    ("POST", "/users/u/feature-flags/a"),
    ("PATCH", "/users/u/feature-flags/a"),
    ("POST", "/reset-limit"),
    ("POST", "/ofrep/v1/evaluate/flags/a"),
    ("POST", "/ofrep/v1/evaluate/flags"),
]


def mutated(body: bytes, chance: random.Random) -> bytes:
    """A seed body after a few random edits: bytes flipped, cut, doubled, spliced."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[place:place] = chance.choice(SPLICES)
            case 1:
                del data[place : place + chance.randint(1, 8)]
            case 2:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                data[place:place] = data[: chance.randint(1, 40)]
            case _:
                other = chance.choice(SEEDS)
                data[place:] = other[chance.randrange(len(other)) :]
    return bytes(data)


@pytest.mark.timeout(900)
def test_no_body_gives_a_server_error(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    types = ["application/json"] * 8 + [
        "application/yaml",
        "text/plain",
        "",
        "application/json; charset=latin-1",
    ]
    wrong: list[str] = []
    with (
        running_server(tmp_path / "data") as server,
        httpx.Client(base_url=server.url, headers=server.headers, timeout=20) as client,
    ):
        for number in range(BODIES):
            method, path = ROUTES[number % len(ROUTES)]
            body = mutated(chance.choice(SEEDS), chance)
            answer = client.request(
                method, path, content=body, headers={"Content-Type": chance.choice(types)}
            )
            if answer.status_code >= 500:
                wrong.append(f"{method} {path} {body!r} -> {answer.status_code} {answer.text[:200]}")
        assert client.get("/api/v1/whoami").status_code == 200
    assert wrong == []
