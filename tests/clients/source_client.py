"""A client of both source APIs as their users have one: plain HTTP, the source's own bodies and its cookie.

Knows nothing of Burgee. Called with the address, the cookie and the origin of its pages, and `old` where it
is to understand no more than the source answered. Says one line a call; ends with 1 where one is not as
it was.
"""

import json
import sys
import urllib.error
import urllib.request
import uuid
from typing import Any

ADDRESS, COOKIE, ORIGIN = sys.argv[1:4]
OLD = sys.argv[4:] == ["old"]
NOBODY = {"Accept": "*/*"}


def call(
    method: str, path: str, body: Any = None, *, status: int, headers: dict[str, str] | None = None
) -> Any:
    """One call as the source's frontend makes it; JSON where it is that, else text."""
    sent = headers or {"Origin": ORIGIN, "Cookie": COOKIE, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + path, data=data, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found, text, said = answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        found, text, said = error.code, error.read().decode(), error.headers
    print(method, path, found, text[:120])
    require(found == status, f"not {status}")
    require("Origin" not in sent or said["Access-Control-Allow-Origin"] == ORIGIN, "no header of CORS")
    try:
        return json.loads(text)
    except ValueError:
        return text


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"{otherwise}, called from line {sys._getframe(1).f_back.f_lineno}")  # type: ignore[union-attr]


def message(answer: Any) -> str:
    """The words of an error: the frontend read `message`, older clients the text."""
    return str(answer) if OLD else str(answer["message"])


def rds() -> None:
    require(call("GET", "/health-check", status=200, headers=NOBODY) == "Server health is good!!", "ill")
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    for path in ("/feature-flags/", "/feature-flags/1", "/users/u/feature-flags/1", "/reset-limit"):
        require(call("OPTIONS", path, status=200, headers=preflight) == "", "a preflight has no body")
    require(message(call("GET", "/feature-flags", status=401, headers=NOBODY)) == "Unauthenticated", "who?")

    made = call(
        "POST", "/feature-flags/", {"Name": "dark", "Description": "colours", "UserId": ""}, status=201
    )
    flag = made["data"]
    require(made["message"] == "Created feature flag successfully", "other words")
    require(flag["status"] == "ENABLED" and str(uuid.UUID(flag["id"])) == flag["id"], "not as it is made")
    require(flag["id"] in [each["id"] for each in call("GET", "/feature-flags/", status=200)], "not listed")
    path = f"/feature-flags/{flag['id']}"
    require(call("GET", path, status=200)["name"] == "dark", "another flag")
    after = call("PATCH", path, {"status": "disabled", "userId": "ada"}, status=200)
    require(after["status"] == "DISABLED" and after["createdAt"] == flag["createdAt"], "not patched")
    require(message(call("GET", "/feature-flags/none", status=404)) == "Feature flag not found", "words")
    require(
        "Allowed values" in message(call("PATCH", path, {"status": "ON", "userId": "u"}, status=400)), "?"
    )

    user = f"/users/{uuid.uuid4()}/feature-flags"
    empty = call("GET", user, status=404 if OLD else 200)
    require(empty == ("User feature flags not found" if OLD else []), "not empty")
    mapping = call("POST", f"{user}/{flag['id']}", {"status": "ENABLED", "userId": "ada"}, status=200)
    require((mapping["createdBy"], mapping["flagId"]) == ("ada", flag["id"]), "another mapping")
    again = call(
        "POST", f"{user}/{flag['id']}", {"status": "ENABLED", "userId": "ada"}, status=404 if OLD else 409
    )
    require(message(again) == "Mapping of User Id and Flag Id already exists", "words")
    changed = call("PATCH", f"{user}/{flag['id']}", {"status": "DISABLED", "userId": "ada"}, status=200)
    require(changed == call("GET", f"{user}/{flag['id']}", status=200), "not patched")
    require(call("GET", user, status=200) == [changed], "not the one mapping")

    stopped = call("PATCH", "/mark-concurrency-zero", status=200)
    require("reserved concurrency" in stopped, "words")
    call("GET", "/feature-flags", status=429)
    done = call("POST", "/reset-limit", {"pendingLimit": 1000}, status=200)
    require(done == "Successfully updated concurrency limit", "words")
    call("GET", "/feature-flags", status=200)


def hatton() -> None:
    def said(answer: Any) -> dict[str, Any]:
        return dict(json.loads(answer)) if OLD else dict(answer)

    value = "CurrentVariation" if OLD else "currentVariation"
    refused = "ErrorMessage" if OLD else "message"
    path = "/feature-flag/checkout"
    absent = 400 if OLD else 404
    require("Does Not Ex" in said(call("GET", path, status=absent))[refused], "words")
    call("POST", "/feature-flag", {"flagName": "checkout", "currentVariation": True}, status=200)
    again = call("POST", "/feature-flag", {"flagName": "checkout", "currentVariation": True}, status=400)
    require("Already Ex" in said(again)[refused], "words")
    require(said(call("GET", path, status=200))[value] is True, "another value")
    call("PUT", path, {"flagName": "checkout", "currentVariation": False}, status=200)
    require(said(call("GET", path, status=200))[value] is False, "not changed")
    require(said(call("DELETE", path, status=403))[refused] == "Deleting Flags is disabled", "words")


rds()
hatton()
print("everything is as it was")
