"""The evaluation function beside a stub of S3 and DynamoDB that counts every call."""

import json
from pathlib import Path
from typing import Any

import msgspec

from burgee.entrypoints.lambdas.evaluate import Evaluation
from burgee.formats.snapshot import decode, encode
from burgee.model.override import Override
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.model.snapshot import Snapshot
from burgee.ports.snapshots import StoredObject
from burgee.service.filter_layers import with_subjects
from burgee.service.verified_tokens import hash_of
from burgee.testing.aws.stub_service import Asked, Reply, S3Stub, StubService
from burgee.testing.snapshot_objects import MemoryContent, stored

OBJECT = "/flags-bucket/snapshots/all.snapshot"
SERVER_KEY = "bgs_" + "0" * 16 + "_" + "s" * 43
CLIENT_KEY = "bgc_" + "1" * 16 + "_" + "c" * 43
WEB_KEY = "bgs_" + "2" * 16 + "_" + "w" * 43


def _key(text: str, kind: SdkKind, *flag_sets: str) -> SdkKey:
    return SdkKey(
        id=text[4:20], name=text[4:20], kind=kind, digest=hash_of(text), flag_sets=flag_sets, created_at=1
    )


KEYS = (
    _key(SERVER_KEY, SdkKind.SERVER),
    _key(CLIENT_KEY, SdkKind.CLIENT),
    _key(WEB_KEY, SdkKind.SERVER, "web"),
)


class Cloud:
    """What the function sees of AWS, and the function itself, started when it is first asked."""

    def __init__(self, service: StubService, folder: Path) -> None:
        self.service, self.s3 = service, S3Stub()
        self.content = MemoryContent()
        self.overrides: dict[tuple[str, str], Override] = {}
        self.now = 1_700_000_000.0
        self.reports: list[dict[str, Any]] = []
        self.generation = 0
        self.is_down = False
        self.environment = {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": service.url,
            "BURGEE_SNAPSHOT_BUCKET": "flags-bucket",
            "TMPDIR": str(folder),
        }
        service.reply = self._reply
        self._running: Evaluation | None = None

    def _reply(self, asked: Asked) -> Reply:
        if self.is_down:
            return 500, {}, b""
        if "x-amz-target" not in asked.headers:
            return self.s3(asked)
        request = json.loads(asked.body)
        if asked.headers["x-amz-target"].endswith(".GetItem"):
            key = request["Key"]
            found = self.overrides.get((key["userId"]["S"], key["flagId"]["S"]))
            return 200, {}, json.dumps({"Item": _item(found)} if found else {}).encode()
        subject = request["ExpressionAttributeValues"][":subject"]["S"]
        items = [_item(each) for (user, _), each in self.overrides.items() if user == subject]
        return 200, {}, json.dumps({"Items": items}).encode()

    def put(
        self, *snapshots: Snapshot, subjects: tuple[str, ...] = (), stopped: bool = False
    ) -> StoredObject:
        """Put an object of these sets in place, with our keys."""
        self.generation += 1
        made = decode(stored(*snapshots, generation=self.generation).content)
        sets = tuple(
            msgspec.structs.replace(each, seed=3, layers=with_subjects((), subjects, seed=3))
            for each in made.sets
        )
        content = encode(msgspec.structs.replace(made, sets=sets, keys=KEYS, stopped=stopped))
        return StoredObject(content=content, tag=self.s3.put(OBJECT, content))

    def start(self) -> Evaluation:
        """A cold start."""
        self._running = Evaluation(
            self.environment,
            clock=lambda: self.now,
            report=lambda line: self.reports.append(json.loads(line)),
        )
        return self._running

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = SERVER_KEY,
        query: str = "",
        **headers: str,
    ) -> dict[str, Any]:
        """The answer to one event of API Gateway (HTTP)."""
        event = self.event(method, path, body, token=token, query=query, **headers)
        return (self._running or self.start()).handle(event)

    @staticmethod
    def event(
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = SERVER_KEY,
        query: str = "",
        **headers: str,
    ) -> dict[str, Any]:
        """One event of API Gateway (HTTP)."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        return {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": sent,
            "requestContext": {"http": {"method": method}, "stage": "$default"},
            "isBase64Encoded": False,
            **({"body": json.dumps(body)} if body is not None else {}),
        }

    def evaluate(self, key: str, subject: str = "bob", **more: Any) -> dict[str, Any]:
        """The body of a single evaluation."""
        path = f"/ofrep/v1/evaluate/flags/{key}"
        answer = self.ask("POST", path, {"context": {"targetingKey": subject}}, **more)
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def calls(self) -> list[str]:
        """Every call of AWS since the last reset, as `service.operation`."""
        names = []
        for asked in self.service.asked:
            target = asked.headers.get("x-amz-target", "")
            names.append(f"dynamodb.{target.partition('.')[2]}" if target else f"s3.{asked.method}")
        return names


def _item(override: Override) -> dict[str, Any]:
    return {
        "userId": {"S": override.targeting_key},
        "flagId": {"S": f"id-{override.flag_key}"},
        "document": {"S": msgspec.json.encode(override).decode()},
    }
