"""Audit events to a webhook, signed as Standard Webhooks says: HMAC-SHA256 over `id.timestamp.body`.

The body is the event as the API shows it. A repeated delivery has the same `webhook-id` and another
timestamp, so a receiver can refuse old messages and still take late ones.
"""

import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import Sequence

import msgspec

from burgee.adapters.http_post import Connect, Target, connect, parse_target, post
from burgee.adapters.public_addresses import Resolve, is_public, numeric_addresses, resolve_public
from burgee.errors import ConfigurationError, UnavailableError
from burgee.model.audit import AuditEvent
from burgee.model.delivery import event_id
from burgee.ports import Clock

ATTEMPT_SECONDS = 5.0
"""What one attempt may take in all."""

PATIENCE_SECONDS = 86_400.0
"""How long an event is tried again before it is a dead letter."""

SHORTEST_SECRET_BYTES = 24
SECRETS = 2
"""The present one and, while receivers change over, the next or the last one."""

_PREFIX = "whsec_"


class Webhook:
    """An AuditSink that posts one event at a time to `url`; anything but a 2xx answer is a failure.

    Raises ConfigurationError for a URL or secrets that cannot work, and for an address that is not public.
    """

    name = "webhook"
    batch = 1
    from_start = False
    patience_seconds = PATIENCE_SECONDS

    def __init__(
        self,
        url: str,
        secrets: str,
        *,
        clock: Clock,
        allow_private: bool = False,
        context: ssl.SSLContext | None = None,
        resolve: Resolve = socket.getaddrinfo,
        connect: Connect = connect,
    ) -> None:
        self._target = _target(url, allow_private=allow_private)
        self._secrets = read_secrets(secrets)
        self._clock = clock
        self._allow_private = allow_private
        self._context = context
        self._resolve = resolve
        self._connect = connect

    def deliver(self, events: Sequence[AuditEvent]) -> None:
        """Raises UnavailableError for whatever keeps the receiver from answering with success."""
        for event in events:
            self._send(event)

    def _send(self, event: AuditEvent) -> None:
        body = msgspec.json.encode(event)
        name, timestamp = event_id(event), int(self._clock())
        addresses = resolve_public(
            self._target.host,
            self._target.port,
            allow_private=self._allow_private,
            resolve=self._resolve,
        )
        status = post(
            self._target,
            addresses,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "Burgee",
                "webhook-id": name,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signatures(self._secrets, name, timestamp, body),
            },
            body=body,
            seconds=ATTEMPT_SECONDS,
            context=self._context,
            connect=self._connect,
        )
        if not 200 <= status < 300:
            # Where a redirect points is nothing that we follow, and no answer's body is kept.
            raise UnavailableError(f"the receiver answered with {status}")


def signatures(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,` signature for each secret, between spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def read_secrets(text: str) -> tuple[bytes, ...]:
    """One or two secrets between commas: any text of 24 bytes or more, or `whsec_` and base64.

    Raises ConfigurationError, which does not repeat them.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= SECRETS:
        raise ConfigurationError("BURGEE_WEBHOOK_SECRETS: one secret is needed, or two between commas")
    return tuple(_secret(part) for part in parts)


def _secret(text: str) -> bytes:
    secret = text.encode()
    if text.startswith(_PREFIX):
        try:
            secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except ValueError:
            raise ConfigurationError("BURGEE_WEBHOOK_SECRETS: whsec_ must go before base64") from None
    if len(secret) < SHORTEST_SECRET_BYTES:
        message = f"BURGEE_WEBHOOK_SECRETS: a secret has at least {SHORTEST_SECRET_BYTES} bytes"
        raise ConfigurationError(message)
    return secret


def _target(url: str, *, allow_private: bool) -> Target:
    try:
        target = parse_target(url)
    except ValueError as error:
        raise ConfigurationError(f"BURGEE_WEBHOOK_URL: {error}") from error
    numeric = numeric_addresses(target.host, target.port)
    if not allow_private and not all(is_public(ip) for ip in numeric):
        raise ConfigurationError("BURGEE_WEBHOOK_URL: the address is not a public one")
    return target
