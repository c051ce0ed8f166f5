"""A stand-in for Firehose: takes records over its JSON protocol, buffers them, and writes objects into S3.

moto keeps what is put and does none of this: no delimiter, no compression, no buffering, no prefix.
"""

import base64
import gzip
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

from burgee.testing.aws.quiet_server import QuietServer

BATCH_RECORDS = 500
BATCH_BYTES = 4 * 1024 * 1024
RECORD_BYTES = 1000 * 1024

_TIMESTAMP = re.compile(r"!\{timestamp:([^}]*)\}")
_DATES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}


class Firehose:
    """A delivery stream `name` into `bucket` of `s3`, a boto3 client; serves at `url` within its context.

    `refuses` says of each record whether it is refused this time, as a busy stream does with some of a batch;
    `fails` whether a whole call is. `delimiter` is that of AppendDelimiterToRecord.
    """

    def __init__(
        self,
        s3: Any,
        *,
        name: str,
        bucket: str,
        prefix: str = "ddb-changes/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/",
        delimiter: bytes = b"\n",
        buffer_seconds: float = 60.0,
        buffer_bytes: int = 5 * 1024 * 1024,
        compressed: bool = True,
        refuses: Callable[[], bool] = lambda: False,
        fails: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.records = 0
        self._s3, self._bucket, self._prefix, self._delimiter = s3, bucket, prefix, delimiter
        self._seconds, self._bytes, self._compressed = buffer_seconds, buffer_bytes, compressed
        self._refuses, self._fails, self._clock = refuses, fails, clock
        self._lock = threading.Lock()
        self._buffer: list[bytes] = []
        self._size = 0
        self._since = 0.0

        class Calls(_Calls):
            of = self

        self._server = QuietServer(("127.0.0.1", 0), Calls)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Firehose":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, records: list[bytes]) -> list[bool]:
        """Take records; of each whether it was taken. Delivers where a buffer is full or old."""
        taken = []
        with self._lock:
            for record in records:
                taken.append(not self._refuses())
                if not taken[-1]:
                    continue
                if not self._buffer:
                    self._since = self._clock()
                self._buffer.append(record + self._delimiter)
                self._size += len(self._buffer[-1])
                self.records += 1
                if self._size >= self._bytes:
                    self._deliver()
        self.tick()
        return taken

    def tick(self) -> None:
        """Deliver where the buffer is old enough."""
        with self._lock:
            if self._buffer and self._clock() - self._since >= self._seconds:
                self._deliver()

    def flush(self) -> None:
        """Deliver what is there, whatever its age."""
        with self._lock:
            if self._buffer:
                self._deliver()

    def key(self) -> str:
        """The key of an object that is written now."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        prefix = _TIMESTAMP.sub(lambda found: now.strftime(_pattern(found[1])), self._prefix)
        ending = ".gz" if self._compressed else ""
        return f"{prefix}{self.name}-1-{now:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}{ending}"

    def call(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """One call of the API: status and answer."""
        if request.get("DeliveryStreamName") != self.name:
            return 400, {"__type": "ResourceNotFoundException", "message": "there is no such stream"}
        if self._fails():
            return 503, {"__type": "ServiceUnavailableException", "message": "Slow down."}
        sent = [request["Record"]] if operation == "PutRecord" else request.get("Records") or []
        records = [base64.b64decode(record["Data"]) for record in sent]
        if problem := _problem(records):
            return 400, {"__type": "InvalidArgumentException", "message": problem}
        taken = self.put(records)
        if operation == "PutRecord":
            if not taken[0]:
                return 503, {"__type": "ServiceUnavailableException", "message": "Slow down."}
            return 200, {"RecordId": str(uuid.uuid4()), "Encrypted": False}
        answers = [
            {"RecordId": str(uuid.uuid4())}
            if each
            else {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
            for each in taken
        ]
        return 200, {
            "FailedPutCount": taken.count(False),
            "Encrypted": False,
            "RequestResponses": answers,
        }

    def _deliver(self) -> None:
        content = b"".join(self._buffer)
        self._buffer, self._size = [], 0
        body = gzip.compress(content) if self._compressed else content
        self._s3.put_object(Bucket=self._bucket, Key=self.key(), Body=body)


def lines_in(s3: Any, bucket: str, prefix: str = "ddb-changes/") -> list[bytes]:
    """All lines of the objects under `prefix`, in the order of their keys."""
    lines: list[bytes] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            content = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            lines += (gzip.decompress(content) if found["Key"].endswith(".gz") else content).splitlines()
    return lines


def _pattern(java: str) -> str:
    for letters, directive in _DATES.items():
        java = java.replace(letters, directive)
    return java


def _problem(records: list[bytes]) -> str:
    if not 1 <= len(records) <= BATCH_RECORDS:
        return f"a call has 1 to {BATCH_RECORDS} records"
    if sum(map(len, records)) > BATCH_BYTES:
        return f"a call has at most {BATCH_BYTES} bytes"
    if max(map(len, records)) > RECORD_BYTES:
        return f"a record has at most {RECORD_BYTES} bytes"
    return ""


class _Calls(BaseHTTPRequestHandler):
    of: Firehose
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        status, answer = self.of.call(operation, json.loads(body))
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nothing is logged."""
