"""A small client of AWS: signed requests over one kept connection, tried again where that can help."""

import random
import time
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.http_connection import HttpConnection, Origin, Response, read_origin
from burgee.adapters.aws.signing import UnsignedRequest, sign
from burgee.errors import ConfigurationError, UnavailableError

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.05

_PASSING = frozenset({429, 500, 502, 503, 504})
_THROTTLED = (
    b"ThrottlingException",
    b"ProvisionedThroughputExceededException",
    b"RequestLimitExceeded",
    b"SlowDown",
)


class Place(NamedTuple):
    """A service in a region, and where it is reached."""

    service: str
    region: str
    origin: Origin


def find_place(service: str, environment: Mapping[str, str], *, host: str = "") -> Place:
    """The place of `service` by the variables that botocore reads; `host` stands before its name, with a dot.

    Raises ConfigurationError without a region, and for an endpoint that cannot be read.
    """
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    if not region:
        raise ConfigurationError("AWS_REGION is not set")
    named = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
    if named:
        try:
            return Place(service, region, read_origin(named))
        except ValueError as error:
            raise ConfigurationError(f"AWS_ENDPOINT_URL: {error}") from error
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    name = f"{host}.{service}" if host else service
    return Place(service, region, Origin(True, f"{name}.{region}.{domain}", 443))


class SignedClient:
    """Requests to one place. Not thread-safe: a Lambda answers one call at a time."""

    def __init__(
        self,
        place: Place,
        credentials: CredentialSource,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        dice: Callable[[], float] = random.random,
        record: Callable[[str, str], None] = lambda _service, _call: None,
    ) -> None:
        self.place = place
        self._credentials = credentials
        self._wall, self._monotonic, self._sleep, self._dice = wall, monotonic, sleep, dice
        self._record = record
        self._connection = HttpConnection(place.origin, monotonic=monotonic, wall=wall)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        deadline_seconds: float = 2.0,
        attempts: int = ATTEMPTS,
        call: str = "",
    ) -> Response:
        """The answer to one request; `path` and `query` are percent-encoded already.

        Failures of the network, throttling and 5xx are tried again, after a pause of chance, as long as there
        is time. `call` names the operation for whoever counts. Raises UnavailableError.
        """
        deadline = self._monotonic() + deadline_seconds
        problem = "no attempt"
        for attempt in range(attempts):
            if attempt:
                pause = self._dice() * FIRST_PAUSE_SECONDS * 2**attempt
                if self._monotonic() + pause >= deadline:
                    break
                self._sleep(pause)
            self._record(self.place.service, call or method)
            try:
                answer = self._attempt(method, path, query, headers or {}, body, deadline)
            except OSError as error:
                problem = str(error) or type(error).__name__
                continue
            if _is_passing(answer):
                problem = f"it answered {answer.status}"
                continue
            if not _is_whole(answer):
                problem = "its answer fails its checksum"
                self._connection.close()
                continue
            return answer
        raise UnavailableError(f"{self.place.service} cannot be reached: {problem}")

    def _attempt(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Response:
        origin = self.place.origin
        path = origin.path + path
        request = UnsignedRequest(method, origin.authority, path, query, headers, body)
        signed = sign(
            request,
            self._credentials.current(),
            region=self.place.region,
            service=self.place.service,
            now=self._wall(),
        )
        target = f"{path}?{query}" if query else path
        return self._connection.request(method, target, signed, body, deadline=deadline)


def _is_passing(answer: Response) -> bool:
    if answer.status in _PASSING:
        return True
    return answer.status == 400 and any(name in answer.body[:400] for name in _THROTTLED)


def _is_whole(answer: Response) -> bool:
    """Whether the body is what DynamoDB sent: it says the CRC32 of it."""
    sum_said = answer.headers.get("x-amz-crc32", "")
    return not sum_said.isdecimal() or int(sum_said) == zlib.crc32(answer.body)
