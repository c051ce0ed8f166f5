"""A way in for whoever may invoke the management function of a stage: a one-time link, or a token."""

import json
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]


class NoAccessError(Exception):
    """The function gave none, and why."""


def sign_in_link(clients: Clients, outputs: dict[str, str]) -> str:
    """An address that signs one browser in, once, within ten minutes. Raises NoAccessError."""
    answer = _ask(clients, outputs, {"burgee": "sign-in"})
    return f"{outputs['Url']}/sign-in?code={answer['code']}"


def token(clients: Clients, outputs: dict[str, str], *, role: str, seconds: int) -> str:
    """A token for whoever asks, by the name that the account knows. Raises NoAccessError."""
    who = clients("sts").get_caller_identity()["Arn"]
    subject = who.rpartition("/")[2] if "/" in who else who.rpartition(":")[2]
    event = {"burgee": "token", "subject": subject, "role": role, "ttlSeconds": seconds}
    return str(_ask(clients, outputs, event)["token"])


def _ask(clients: Clients, outputs: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    functions = clients("lambda")
    try:
        said = functions.invoke(
            FunctionName=outputs["ManageFunctionName"], Payload=json.dumps(event).encode()
        )
    except functions.exceptions.TooManyRequestsException:
        raise NoAccessError(
            "management stands still (concurrency 0): reset the limit first, "
            'with aws lambda invoke of the limiter and {"intValue": 5}'
        ) from None
    answer: dict[str, Any] = json.loads(said["Payload"].read())
    if answer.get("statusCode") != 200:
        raise NoAccessError(str(answer.get("message") or answer.get("errorMessage") or answer))
    return answer
