"""The template, running: its tables on moto, its functions in processes, its API, streams and Firehose.

What stands in `infra/template.yaml` is what is built: handlers, variables, routes, gateway responses, event
sources with their filters and limits, queues and buckets.
"""

import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from burgee.model.json import JsonValue
from burgee.testing.aws.api_front import ApiFront
from burgee.testing.aws.emulators import ENVIRONMENT, client_of
from burgee.testing.aws.firehose import Firehose
from burgee.testing.aws.front_events import Route
from burgee.testing.aws.functions import concurrency_of, create_functions
from burgee.testing.aws.lambda_function import LambdaFunction
from burgee.testing.aws.runtime_api import Answered
from burgee.testing.aws.stack import create_stack, queue_url
from burgee.testing.aws.stream_poller import Record, StreamPoller
from burgee.testing.aws.template import Template

BUILT = (
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::SSM::Parameter",
)


class Deployment:
    """A stack that runs at `url`; entered and left as a context.

    `breaks` says of each call of a stream function whether it fails before the function sees it, `refuses`
    of each record whether Firehose refuses it. `settings` are variables over those of the template.
    """

    def __init__(
        self,
        template: Template,
        *,
        settings: Mapping[str, str] | None = None,
        breaks: Callable[[], bool] = lambda: False,
        refuses: Callable[[], bool] = lambda: False,
    ) -> None:
        self.template = template
        self.functions: dict[str, LambdaFunction] = {}
        self.pollers: dict[tuple[str, str], StreamPoller] = {}
        self._settings = dict(settings or {})
        self._breaks, self._refuses = breaks, refuses
        self._stack = ExitStack()
        self.endpoint = self.url = ""
        self._counted: dict[str, int] = {}

    def __enter__(self) -> "Deployment":
        self.endpoint = self._stack.enter_context(running_serial_moto())
        streams = create_stack(self.template, self.client, kinds=BUILT)
        names = {logical: self.template.name(logical) for logical in self.template.functions}
        create_functions(self.endpoint, *names.values())
        self.firehose = self._stack.enter_context(self._firehose())
        concurrency = self.client("lambda")
        for logical, name in names.items():
            self.functions[logical] = self._stack.enter_context(
                LambdaFunction(
                    self.template.handler(logical),
                    self.environment(logical),
                    name=name,
                    timeout_seconds=float(self.template.properties(logical).get("Timeout", 3)),
                    reserved=lambda name=name: concurrency_of(concurrency, name),  # type: ignore[misc]
                )
            )
        routes = [
            Route(route.method.upper(), route.path, self.functions[route.function])
            for route in self.template.routes()
        ]
        front = ApiFront(routes, stage=self.template.parameters["Stage"], responses=self._responses())
        self.url = self._stack.enter_context(front).url
        for source in self.template.event_sources():
            self.pollers[source.function, source.name] = self._poller(
                source.function, streams[source.table], source.properties
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator."""
        return client_of(service, self.endpoint)

    def environment(self, logical: str) -> dict[str, str]:
        """The variables of a function: those of the template, and where AWS is."""
        return {
            **ENVIRONMENT,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_FIREHOSE": self.firehose.url,
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **self.template.environment(logical),
            **self._settings,
        }

    def pump(self) -> int:
        """Let every event source handle what is in its stream, until nothing is; how much that was."""
        handled = 0
        while found := sum(poller.drain() for poller in self.pollers.values()):
            handled += found
        return handled

    def ship_log(self, source: str, target: str, holding: str) -> Answered | None:
        """Send new lines of `source` that hold a text to `target`, as a subscription of its log does."""
        log = self.functions[source].log
        new = log[self._counted.get(source, 0) :]
        self._counted[source] = len(log)
        lines = [line for line in new.splitlines() if holding in line]
        if not lines:
            return None
        events = [
            {"id": f"{source}-{len(log)}-{place}", "timestamp": 0, "message": line}
            for place, line in enumerate(lines)
        ]
        message = {"messageType": "DATA_MESSAGE", "logGroup": source, "logEvents": events}
        data = base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()
        return self.functions[target].invoke({"awslogs": {"data": data}})

    def messages(self, queue: str) -> list[str]:
        """The bodies of all messages in a queue, which is emptied."""
        sqs, url = self.client("sqs"), queue_url(self.endpoint, self.template.name(queue))
        found: list[str] = []
        while page := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in page:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def _firehose(self) -> Firehose:
        (logical,) = self.template.of_type("AWS::KinesisFirehose::DeliveryStream")
        destination = self.template.properties(logical)["ExtendedS3DestinationConfiguration"]
        processors = destination.get("ProcessingConfiguration", {}).get("Processors", [])
        delimits = any(each["Type"] == "AppendDelimiterToRecord" for each in processors)
        return Firehose(
            self.client("s3"),
            name=self.template.name(logical),
            bucket=destination["BucketARN"].rpartition(":")[2],
            prefix=destination["Prefix"],
            delimiter=b"\n" if delimits else b"",
            buffer_seconds=destination["BufferingHints"]["IntervalInSeconds"],
            buffer_bytes=destination["BufferingHints"]["SizeInMBs"] * 1024 * 1024,
            compressed=destination["CompressionFormat"] == "GZIP",
            refuses=self._refuses,
        )

    def _poller(self, function: str, stream: str, properties: Mapping[str, Any]) -> StreamPoller:
        filters = [
            json.loads(each["Pattern"]) for each in properties.get("FilterCriteria", {}).get("Filters", [])
        ]
        destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
        sqs = self.client("sqs")

        def give_up(text: str) -> None:
            url = queue_url(self.endpoint, destination.rpartition(":")[2])
            sqs.send_message(QueueUrl=url, MessageBody=text)

        return StreamPoller(
            self.client("dynamodbstreams"),
            stream,
            _Breaking(self.functions[function], self._breaks),
            batch=int(properties["BatchSize"]),
            retries=int(properties["MaximumRetryAttempts"]),
            bisect=bool(properties.get("BisectBatchOnFunctionError")),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            accepts=lambda record: not filters or any(matches(record, each) for each in filters),
            give_up=give_up,
        )

    def _responses(self) -> dict[str, Any]:
        """The gateway responses as API Gateway's OpenAPI extension has them."""
        (logical,) = self.template.of_type("AWS::Serverless::Api")
        found: dict[str, Any] = {}
        for name, each in self.template.properties(logical).get("GatewayResponses", {}).items():
            headers = each.get("ResponseParameters", {}).get("Headers", {})
            found[name] = {
                "responseParameters": {
                    f"gatewayresponse.header.{key}": value for key, value in headers.items()
                },
                "responseTemplates": each.get("ResponseTemplates", {}),
                **({"statusCode": each["StatusCode"]} if "StatusCode" in each else {}),
            }
        return found


class _Breaking:
    """A function whose invocations fail now and then, half of them after it has done its work."""

    def __init__(self, function: LambdaFunction, breaks: Callable[[], bool]) -> None:
        self._function, self._breaks = function, breaks
        self._is_late = False

    def invoke(self, event: JsonValue) -> Answered:
        """The answer, or an error in its place."""
        if not self._breaks():
            return self._function.invoke(event)
        self._is_late = not self._is_late
        if self._is_late:
            self._function.invoke(event)
            self._function.retire()  # its memory goes with it: what it has done is done again
        return Answered(error="Sandbox.Timedout", payload=None)


def matches(record: Record, pattern: Mapping[str, Any]) -> bool:
    """Whether a record fits a pattern of filter criteria: exact values and `prefix`."""

    def fits(value: Any, wanted: Any) -> bool:
        if isinstance(wanted, dict):
            return isinstance(value, dict) and all(
                fits(value.get(name), each) for name, each in wanted.items()
            )
        return any(
            isinstance(value, str) and value.startswith(each["prefix"])
            if isinstance(each, dict)
            else value == each
            for each in wanted
        )

    return fits(record, pattern)


@contextmanager
def running_serial_moto() -> Iterator[str]:
    """The address of a moto that answers one request after the other: its transactions are none otherwise."""
    process = subprocess.Popen(
        [sys.executable, "-m", "burgee.testing.aws.moto_process"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **ENVIRONMENT},
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
