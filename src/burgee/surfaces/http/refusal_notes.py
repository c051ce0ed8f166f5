"""Which answers are refusals that belong in the audit log, and what is said of them there.

Decided by what was answered, whatever surface answered it: a dialect cannot forget to.
"""

from starlette.datastructures import Headers
from starlette.types import Scope

from burgee.errors import BurgeeError
from burgee.model.flag import KEY_PATTERN
from burgee.service.refusals import RefusalKind, Refusals

SUBJECT = "burgee.subject"
"""Where in the ASGI scope stands who calls, once that is known."""

EVALUATION_PREFIX = "/ofrep/"
_DELETION_STATUSES = frozenset({403, 409, 412, 428})
_NOTED = frozenset({401, *_DELETION_STATUSES})


def note_refusal(refusals: Refusals, scope: Scope, status: int, error: Exception | None) -> None:
    """Take note of an answer that refused something; of any other nothing."""
    if status not in _NOTED or scope["path"].startswith(EVALUATION_PREFIX):
        return  # evaluation takes its own notes, since most of it never comes through here
    operation = str(scope.get("burgee.operation", "") or "unknown")
    kind = refusal_kind(
        scope["method"], status, signs_in=operation == "signIn" or has_credentials(Headers(scope=scope))
    )
    if kind is None:
        return
    parameters = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    client = scope.get("client")
    refusals.note(
        kind,
        entity="/".join(["operations", operation, *parameters.values()]),
        reason=str(error) if isinstance(error, BurgeeError) else f"answered with {status}",
        actor=str(scope.get(SUBJECT, "")),
        flag_set=_key(parameters.get("flagSet", "")),
        flag_key=_key(parameters.get("key", "")),
        request_id=scope.get("burgee.request_id", ""),
        detail={"method": scope["method"], "status": status, "client": client[0] if client else ""},
    )


def refusal_kind(method: str, status: int, *, signs_in: bool) -> RefusalKind | None:
    """What a refusing answer is in the audit log; None where it does not belong there.

    A 401 of somebody who did not try to sign in is everyday life, not a failure.
    """
    if method == "DELETE" and status in _DELETION_STATUSES:
        return RefusalKind.DELETION
    if status == 403:
        return RefusalKind.ACCESS
    return RefusalKind.SIGN_IN if status == 401 and signs_in else None


def has_credentials(headers: Headers) -> bool:
    """Whether the request tried to say who calls. Cookies of other programs on the host do not count."""
    if "authorization" in headers or "x-api-key" in headers:
        return True
    return any("session" in cookie.lower() for cookie in headers.getlist("cookie"))


def _key(text: str) -> str:
    return text if KEY_PATTERN.fullmatch(text) else ""
