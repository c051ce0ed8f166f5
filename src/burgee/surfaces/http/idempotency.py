"""Idempotency-Key: a repeated request gets the answer of the first one, byte for byte, and writes nothing."""

import hashlib
from collections.abc import Callable

import msgspec

from burgee.errors import ConflictError
from burgee.model.change import IdempotencyRecord
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.parameters import Parameter, Place

KEPT_SECONDS = 24 * 3600
"""How long a key is remembered."""

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place=Place.HEADER,
    description=(
        "A fresh name for this request, such as a UUID. Sent again within 24 hours by the same caller, "
        "the same request is not repeated: its first answer comes back with `Idempotency-Replayed: true`."
    ),
    pattern=r"[A-Za-z0-9._:-]{1,128}",
    max_length=128,
    min_length=1,
)

_CONDITIONS = ("if-match", "if-none-match", "content-type")


def fingerprint(call: Call) -> str:
    """What makes two requests the same: method, path, query, conditions and body, as hex SHA-256."""
    digest = hashlib.sha256()
    conditions = [call.headers.get(name, "").encode() for name in _CONDITIONS]
    for part in (call.method.encode(), call.url_path.encode(), call.query_string, *conditions, call.body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def record_of(call: Call, answer: Answer) -> IdempotencyRecord:
    """What is stored with the change, so that `answer` can be given again."""
    return IdempotencyRecord(
        key=call.text("Idempotency-Key"),
        actor=call.subject,
        fingerprint=fingerprint(call),
        status=answer.status,
        headers=answer.headers,
        response=answer.body,
        expires_at=call.services.clock() + KEPT_SECONDS,
    )


def once(call: Call, handle: Callable[[], Answer]) -> Answer:
    """The answer of `handle`, or the remembered answer of the same request.

    The caller's rights are checked before this: tokens of one subject share what is remembered, and a
    narrower one must not be told what a wider one did.

    Raises IdempotencyReuseError where the key was used for another request.
    """
    if call.maybe_text("Idempotency-Key") is None:
        return handle()
    remembered = _recall(call)
    if remembered is not None:
        return remembered
    try:
        answer = handle()
    except ConflictError:
        # The twin of this request may have won between the look-up and the commit.
        remembered = _recall(call)
        if remembered is None:
            raise
        return remembered
    # Or it has won, and there was nothing left to change: then the twin's answer is the one to give.
    remembered = _recall(call)
    if remembered is not None and (remembered.status, remembered.body) != (answer.status, answer.body):
        return remembered
    return answer


def _recall(call: Call) -> Answer | None:
    record = call.services.publisher.recall(
        call.text("Idempotency-Key"), actor=call.subject, fingerprint=fingerprint(call)
    )
    if record is None:
        return None
    answer = Answer(status=record.status, body=record.response, headers=record.headers)
    return msgspec.structs.replace(answer, headers=(*answer.headers, ("idempotency-replayed", "true")))
