"""Where credentials come from: the environment of a Lambda function, or the endpoint of a container."""

import time
from collections.abc import Callable, Mapping

import msgspec

from burgee.adapters.aws.http_connection import HttpConnection, Timeouts, read_origin
from burgee.adapters.aws.signing import Credentials
from burgee.errors import UnavailableError

RENEW_SECONDS = 300.0
"""So long before they expire, credentials of an endpoint are fetched anew."""

_CONTAINER_HOST = "http://169.254.170.2"
_LINK_LOCAL = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "localhost", "::1"})
"""Where plain http may ask for credentials, as in the AWS SDKs."""


class _Issued(msgspec.Struct, frozen=True, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str = ""
    expiration: str = ""


class CredentialSource:
    """The credentials of this process; those of an endpoint are kept until shortly before they expire."""

    def __init__(self, environment: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> None:
        self._environment, self._wall = environment, wall
        self._issued: Credentials | None = None
        self._renew_at = 0.0

    def current(self) -> Credentials:
        """The credentials to sign with now. Raises UnavailableError where there are none."""
        of = self._environment.get
        key, secret = of("AWS_ACCESS_KEY_ID", ""), of("AWS_SECRET_ACCESS_KEY", "")
        if key and secret:
            return Credentials(key, secret, of("AWS_SESSION_TOKEN", ""))
        url = of("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        if relative := of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ""):
            url = _CONTAINER_HOST + relative
        if not url:
            raise UnavailableError("there are no AWS credentials in the environment")
        if self._issued is None or self._wall() >= self._renew_at:
            try:
                self._issued, self._renew_at = self._fetch(url)
            except (OSError, ValueError, msgspec.DecodeError) as error:
                if self._issued is None:
                    raise UnavailableError(f"the AWS credentials cannot be fetched: {error}") from error
                self._renew_at = self._wall() + 10  # what is there may be good for some minutes yet
        return self._issued

    def _fetch(self, url: str) -> tuple[Credentials, float]:
        origin = read_origin(url)
        if not origin.is_tls and origin.host not in _LINK_LOCAL:
            raise ValueError("credentials are fetched over plain http only from this machine")
        connection = HttpConnection(origin._replace(path=""), timeouts=Timeouts(connect=1, read=2))
        headers = {"host": origin.authority, "accept": "application/json"}
        if token := self._endpoint_token():
            headers["authorization"] = token
        try:
            answer = connection.request(
                "GET", origin.path or "/", headers, b"", deadline=time.monotonic() + 3
            )
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(f"the endpoint answered {answer.status}")
        issued = msgspec.json.decode(answer.body, type=_Issued)
        expires_at = _seconds(issued.expiration) if issued.expiration else self._wall() + 3_600
        found = Credentials(issued.access_key_id, issued.secret_access_key, issued.token)
        return found, max(expires_at - RENEW_SECONDS, self._wall() + 10)

    def _endpoint_token(self) -> str:
        path = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")
        if path:
            from pathlib import Path

            return Path(path).read_text(encoding="utf-8").strip()
        return self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")


def _seconds(moment: str) -> float:
    """Unix seconds of an ISO 8601 moment."""
    from datetime import datetime

    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
