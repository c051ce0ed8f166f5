"""Snapshot objects in S3: read by condition, written only over what was read."""

from collections.abc import Mapping

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.http_connection import Response
from burgee.adapters.aws.signed_http import SignedClient, find_place
from burgee.adapters.aws.signing import quoted
from burgee.errors import NotFoundError, UnavailableError, VersionConflictError
from burgee.ports.snapshots import StoredObject

_READ_SECONDS = 10.0
_WRITE_SECONDS = 20.0


class S3Objects:
    """The objects of one bucket whose keys begin with `prefix`; a SnapshotObjects."""

    def __init__(self, client: SignedClient, *, bucket: str, prefix: str, is_host: bool) -> None:
        self._client, self._prefix = client, prefix
        # A bucket that stands in the host name has no place in the path.
        self._root = "/" if is_host else f"/{quoted(bucket)}/"

    def read(self, name: str) -> StoredObject | None:
        answer = self._send("GET", name, {}, deadline_seconds=_READ_SECONDS)
        if answer.status == 404:
            return None
        return _stored(_expected(answer, 200))

    def fetch(self, name: str, tag: str, *, deadline_seconds: float, attempts: int) -> StoredObject | None:
        """The object, None where it still has `tag`.

        Raises NotFoundError where there is none, UnavailableError.
        """
        headers = {"if-none-match": tag} if tag else {}
        answer = self._send("GET", name, headers, deadline_seconds=deadline_seconds, attempts=attempts)
        if answer.status == 304 and tag:
            if answer.headers.get("etag", tag) != tag:
                raise UnavailableError("s3 answered 304 for another object than was asked for")
            return None
        if answer.status == 404:
            raise NotFoundError(f"there is no object {self._prefix}{name}")
        return _stored(_expected(answer, 200))

    def write(self, name: str, content: bytes, *, replaces: str | None) -> str:
        condition = {"if-none-match": "*"} if replaces is None else {"if-match": replaces}
        headers = {"content-type": "application/octet-stream", **condition}
        answer = self._send("PUT", name, headers, body=content, deadline_seconds=_WRITE_SECONDS)
        # 404: what was to be replaced is gone; 409: another write is under way.
        if answer.status in (404, 409, 412):
            raise VersionConflictError(f"the object {name} was written by somebody else", current=0)
        return _expected(answer, 200).headers.get("etag", "")

    def _send(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str],
        *,
        body: bytes = b"",
        deadline_seconds: float,
        attempts: int = 3,
    ) -> Response:
        return self._client.send(
            method,
            self._root + quoted(self._prefix + name, is_path=True),
            headers=headers,
            body=body,
            deadline_seconds=deadline_seconds,
            attempts=attempts,
            call=f"{method.title()}Object",
        )


class S3Source:
    """One object of a bucket; a SnapshotSource. The first read is tried again, a later look is not."""

    def __init__(self, objects: S3Objects, name: str) -> None:
        self._objects, self._name = objects, name

    def fetch(self, tag: str, *, deadline_seconds: float) -> StoredObject | None:
        return self._objects.fetch(
            self._name, tag, deadline_seconds=deadline_seconds, attempts=1 if tag else 3
        )


def open_s3(
    environment: Mapping[str, str],
    *,
    bucket: str,
    prefix: str,
    credentials: CredentialSource | None = None,
    client: SignedClient | None = None,
) -> S3Objects:
    """The objects of `bucket`, reached as the variables of `environment` say. Raises ConfigurationError."""
    # A dot in the name of a bucket would fit no certificate.
    is_host = "." not in bucket and not (
        environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    )
    if client is None:
        place = find_place("s3", environment, host=bucket if is_host else "")
        client = SignedClient(place, credentials or CredentialSource(environment))
    return S3Objects(client, bucket=bucket, prefix=prefix, is_host=is_host)


def _stored(answer: Response) -> StoredObject:
    return StoredObject(content=answer.body, tag=answer.headers.get("etag", ""))


def _expected(answer: Response, status: int) -> Response:
    if answer.status != status:
        code = answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0][:80].decode("latin-1")
        raise UnavailableError(f"s3 answered {answer.status} {code}".rstrip())
    return answer
