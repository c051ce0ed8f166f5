"""What an operator asks of the management function directly, and no gateway can pass on: a way in.

Whoever the function's policy lets invoke it gets `{"burgee": "sign-in"}` answered with the code of a one-time
link, and `{"burgee": "token", "subject": ..., "role": ..., "ttlSeconds": ...}` with a token.
"""

from collections.abc import Mapping
from typing import Any

from burgee.errors import BurgeeError, ConflictError, InvalidInputError
from burgee.service.access import Access, Role

ACTOR = "lambda:invoke"
"""Who issues, in the audit log: whoever the function's policy lets invoke it."""

SIGN_IN_SECONDS = 600.0
DEFAULT_TOKEN_SECONDS = 3_600


def is_operator(event: Mapping[str, Any]) -> bool:
    """Whether an event is none of a gateway, which always says which request it passes on."""
    return "requestContext" not in event and "httpMethod" not in event and "burgee" in event


def operator_answer(access: Access, event: Mapping[str, Any], *, request_id: str) -> dict[str, Any]:
    """`statusCode` 200 with what was asked for; 400 for what cannot be understood, 409 without a key, 503."""
    try:
        match event["burgee"]:
            case "sign-in":
                access.require_signer()
                code = access.create_sign_in_code(SIGN_IN_SECONDS)
                return {"statusCode": 200, "code": code, "seconds": SIGN_IN_SECONDS}
            case "token":
                return {"statusCode": 200, "token": _token(access, event, request_id)}
            case _:
                return _refusal(400, "burgee must be sign-in or token")
    except (InvalidInputError, ValueError) as error:
        return _refusal(400, str(error))
    except ConflictError as error:
        return _refusal(409, str(error))
    except BurgeeError as error:
        return _refusal(503, str(error))


def _token(access: Access, event: Mapping[str, Any], request_id: str) -> str:
    """Raises ValueError, and what Access.issue_token does."""
    subject, seconds = event.get("subject", ""), event.get("ttlSeconds", DEFAULT_TOKEN_SECONDS)
    if not isinstance(subject, str) or not isinstance(seconds, int) or isinstance(seconds, bool):
        raise ValueError("subject must be a text, ttlSeconds a whole number")
    try:
        role = Role(event.get("role", Role.ADMIN.value))
    except ValueError:
        raise ValueError(f"allowed values of role are {', '.join(each.value for each in Role)}") from None
    return access.issue_token(subject, role, seconds, actor=ACTOR, request_id=request_id)


def _refusal(status: int, words: str) -> dict[str, Any]:
    return {"statusCode": status, "message": words}
