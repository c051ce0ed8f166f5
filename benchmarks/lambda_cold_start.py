"""The evaluation function from process start to its first answer, beside a bare handler and boto3.

Every process imports `awslambdaric.bootstrap`, as Lambda's runtime does, then its handler, and answers one
event of API Gateway. All but the bare one read one object from a stub of S3 first; one of Burgee's two does
so over TLS, as on AWS, with the authorities that vouch for AWS (and that of the stub beside them) to read.
"""

import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from report import Budget, table
from shapes import SHAPES, flagd_rule

from burgee.adapters.aws.authorities import AMAZON_ROOTS
from burgee.formats import snapshot as snapshots
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.model.snapshot import Snapshot
from burgee.service.verified_tokens import hash_of

FLAGS = 100
KEY = "bgs_" + "0" * 16 + "_" + "a" * 43
AT_MOST_MS = 80
BARE_MS, BOTO3_MS = 25, 214
"""What reference/aws.md measured for the two baselines on a quiet machine: the scale of AT_MOST_MS."""

TAIL = """
import time, resource
answer = handler(EVENT, None)
assert answer["statusCode"] == 200, answer
used = resource.getrusage(resource.RUSAGE_SELF)
print("CPU", used.ru_utime + used.ru_stime)
"""
HEAD = """
import awslambdaric.bootstrap, json
EVENT = json.loads(open({event!r}).read())
"""
BARE = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"key": "f0", "value": True})}
"""
OURS = """
from burgee.entrypoints.lambdas.evaluate import handler
"""
USUAL = """
import boto3, json, zlib
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
logger, metrics, app = Logger(service="x"), Metrics(namespace="x", service="x"), APIGatewayHttpResolver()
s3 = boto3.client("s3")
@app.post("/ofrep/v1/evaluate/flags/<key>")
def evaluate(key):
    body = s3.get_object(Bucket="flags-bucket", Key="snapshots/all.snapshot")["Body"].read()
    return {"key": key, "value": len(body) > 0}
def handler(event, context):
    return app.resolve(event, context)
"""


def run(*, quick: bool, source: Path) -> list[Budget]:
    content = _object()
    with (
        TemporaryDirectory() as folder,
        stub_s3(content) as port,
        stub_s3(content, tls=certificate(Path(folder))) as tls_port,
    ):
        event = Path(folder) / "event.json"
        event.write_text(json.dumps(EVENT))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(source),
            # Bytecode is there, as in the package that is shipped.
            "PYTHONPYCACHEPREFIX": f"{folder}/pyc",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "BURGEE_SNAPSHOT_BUCKET": "flags-bucket",
            "POWERTOOLS_METRICS_NAMESPACE": "x",
        }
        secure = {
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{tls_port}",
            "AWS_CA_BUNDLE": f"{folder}/authorities.pem",
        }
        programs: dict[str, tuple[str, dict[str, str]]] = {
            "bare handler": (BARE, {}),
            "Burgee, 100 flags with rules": (OURS, {}),
            "boto3 and powertools": (USUAL, {}),
            "Burgee, S3 over TLS": (OURS, secure),
        }
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for warm in [False] + [True] * (7 if quick else 31):
            for name, (program, more) in programs.items():
                with TemporaryDirectory() as own:
                    whole = HEAD.format(event=str(event)) + program + TAIL
                    cpu = _cpu(whole, {**environment, **more, "TMPDIR": own})
                if warm:
                    taken[name].append(cpu)
    middle = {name: statistics.median(each) for name, each in taken.items()}
    bare, ours, usual, secured = middle.values()
    rows = [
        [name, f"{each:.0f}", f"{min(taken[name]):.0f}", f"{each / bare:.2f}"]
        for name, each in middle.items()
    ]
    print(table("Lambda, process start to first answer, CPU ms", ["", "median", "least", "x bare"], rows))
    return [
        # Shared machines run at another speed each minute: the bare handler of the same run is the clock.
        Budget(
            f"evaluation on Lambda, first answer (where a bare handler is {BARE_MS} ms)",
            ours / bare * BARE_MS,
            at_most=AT_MOST_MS,
            unit=" ms",
        ),
        Budget(
            "evaluation on Lambda, first answer, S3 over TLS",
            secured / bare * BARE_MS,
            at_most=AT_MOST_MS,
            unit=" ms",
        ),
        Budget("evaluation on Lambda against boto3 and powertools", usual / ours, at_least=2.0, unit="x"),
    ]


EVENT = {
    "version": "2.0",
    "rawPath": "/ofrep/v1/evaluate/flags/f0",
    "rawQueryString": "",
    "headers": {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    "requestContext": {
        "http": {"method": "POST", "path": "/ofrep/v1/evaluate/flags/f0"},
        "stage": "$default",
    },
    "body": json.dumps({"context": {"targetingKey": "ada", "plan": "pro"}}),
    "isBase64Encoded": False,
}


def _object() -> bytes:
    flags = tuple(
        Flag(
            id=f"{number}",
            key=f"f{number}",
            variants={"on": True, "off": False},
            default_variant="off",
            targeting=flagd_rule(SHAPES[number % len(SHAPES)]),
        )
        for number in range(FLAGS)
    )
    one = snapshots.packed(Snapshot(flag_set=FlagSet(revision=1), flags=flags))
    key = SdkKey(id="0" * 16, name="bench", kind=SdkKind.SERVER, digest=hash_of(KEY))
    return snapshots.encode(snapshots.Archive(generation=1, sets=(one,), keys=(key,)))


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, whose authority stands in `authorities.pem` beside AWS's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub of S3")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    own = made.public_bytes(serialization.Encoding.PEM)
    (folder / "authorities.pem").write_bytes(Path(AMAZON_ROOTS).read_bytes() + own)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(own + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


@contextmanager
def stub_s3(content: bytes, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of somebody who answers every request with `content`."""
    listening = socket.create_server(("127.0.0.1", 0))
    head = (
        f'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: {len(content)}\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()

    def serve() -> None:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return
            with (
                suppress(OSError),
                tls.wrap_socket(connected, server_side=True) if tls else connected as each,
            ):
                while each.recv(65_536):
                    each.sendall(head + content)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def _cpu(program: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", program]
    for _ in range(3):
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, env=environment
        )
        if done.returncode == 0:
            return float(done.stdout.rpartition("CPU ")[2]) * 1000
        time.sleep(0.1)
    raise RuntimeError(done.stderr)
