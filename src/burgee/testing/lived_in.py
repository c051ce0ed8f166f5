"""A data folder that people have worked with: a random series of real operations over HTTP."""

import random
from pathlib import Path
from urllib.parse import quote

import apsw
import httpx

from burgee.entrypoints.connection import connect
from burgee.surfaces.cli.environment import Target

KEYS = ("a", "b", "new-checkout", "D.d_d")
SETS = ("default", "shop")
SUBJECTS = ("ada", "größer/42", "bob@example.com", "x" * 250, "名前")

BESIDE_THE_POINT = ("schema_version", "outbox", "sign_in_codes", "sinks", "dead_letters", "sqlite_sequence")
"""Tables that no migration moves: each of them is of the machine that it is on."""


def live_in(data: Path, *, seed: int, steps: int) -> list[int]:
    """Do `steps` operations, of which some are refused; the status of each answer."""
    chance = random.Random(seed)  # noqa: S311
    with connect(Target(data=str(data))) as client:
        made: list[str] = []
        return [_do(client, chance, step, made).status_code for step in range(steps)]


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table in a data folder that a migration moves, sorted."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for file in ("flags.db", "usage.db"):
        path = data / file
        if not path.exists():
            continue
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        names = [
            str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        for name in names:
            if name in BESIDE_THE_POINT:
                continue
            columns = [
                row[1]
                for row in connection.execute(f"PRAGMA table_info({name})")
                # How often the head was touched, and in which order keys were written, is not what they say.
                if (name, row[1]) not in {("head", "buried"), ("sdk_keys", "change"), ("sdk_keys", "seal")}
            ]
            selected = connection.execute(f"SELECT {', '.join(map(str, columns))} FROM {name}")  # noqa: S608
            found[str(name)] = sorted(selected, key=repr)
        connection.close()
    return found


def _do(client: httpx.Client, chance: random.Random, step: int, made: list[str]) -> httpx.Response:
    flag_set, key, subject = chance.choice(SETS), chance.choice(KEYS), chance.choice(SUBJECTS)
    place = f"/api/v1/flag-sets/{flag_set}/flags/{key}"
    override = f"{place}/overrides/{quote(subject, safe='')}"
    match chance.randrange(14):
        case 0 | 1 | 2:
            once = {"Idempotency-Key": f"step-{step}"} if chance.random() < 0.7 else {}
            return client.put(place, json=_flag(chance, step), headers=once)
        case 3:
            return client.patch(place, json={"status": chance.choice(["ENABLED", "DISABLED"])})
        case 4:
            return client.delete(place)
        case 5 | 6:
            pinned = {"variant": "b"} if chance.random() < 0.5 else {"status": "DISABLED"}
            more = {"expiresAt": 4_000_000_000 + step + 0.5} if chance.random() < 0.5 else {}
            return client.put(override, json={**pinned, **more, "reason": f"schritt {step} ü"})
        case 7:
            return client.delete(override)
        case 8:
            lines = [f"{flag_set},{key},{each},ENABLED" for each in chance.sample(SUBJECTS, 3)]
            content = "\n".join(["flagSet,flagKey,targetingKey,status", *lines]) + "\n"
            return client.post(
                "/api/v1/overrides/import", content=content.encode(), headers={"Content-Type": "text/csv"}
            )
        case 9 if chance.random() < 0.5:
            return client.delete(f"/api/v1/flag-sets/{flag_set}/flags/imported-{step // 2}")
        case 9:
            document: dict[str, object] = {
                "flags": {f"imported-{step}": {**_flag(chance, step), "state": "ENABLED"}}
            }
            return client.post("/api/v1/import", params={"flagSet": flag_set}, json=document)
        case 10 if made and chance.random() < 0.5:
            return client.delete(f"/api/v1/keys/{quote(chance.choice(made), safe='')}")
        case 10:
            answer = client.post("/api/v1/keys", json={"name": f"key-{step}", "kind": "server"})
            made.append(str(answer.json().get("id", "none")))
            return answer
        case 11:
            reset = {"limit": chance.randrange(500, 5_000), "reason": f"step {step}"}
            return client.post("/api/v1/budget/reset", json=reset)
        case 12:
            client.post("/feature-flag", json={"flagName": f"h{step}", "currentVariation": True})
            return client.get(f"/feature-flag/h{step}")
        case _:
            context = {"context": {"targetingKey": subject}}
            return client.post(f"/ofrep/v1/evaluate/flags/{key}", json=context)


def _flag(chance: random.Random, step: int) -> dict[str, object]:
    flag: dict[str, object] = {
        "name": f"Schritt {step}",
        "variants": {"a": step, "b": -0.25, "c": 2**40},
        "defaultVariant": chance.choice(["a", "b"]),
    }
    if chance.random() < 0.5:
        flag["targeting"] = {"if": [{"==": [{"var": "country"}, "ö"]}, "a", "c"]}
    return flag
