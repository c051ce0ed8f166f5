"""The webhook over real sockets: signatures, receivers that misbehave, and 0 private hosts reached."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from burgee.adapters import http_post, webhook
from burgee.adapters.http_post import parse_target
from burgee.adapters.public_addresses import Address
from burgee.adapters.webhook import Webhook, read_secrets, signatures
from burgee.errors import ConfigurationError, UnavailableError
from burgee.model.audit import GENESIS_HASH, AuditEvent, chain
from burgee.testing.builders import an_audit_draft
from burgee.testing.receiver import Receiver, receiving

SECRET = "a-secret-of-at-least-24-bytes"
OTHER = "whsec_" + base64.b64encode(b"another-secret-of-24-bytes").decode()
NOW = 1_800_000_000.75
EVENT = chain(an_audit_draft(), sequence=7, previous_hash=GENESIS_HASH)


def hook(url: str, **options: Any) -> Webhook:
    settings: dict[str, Any] = {"secrets": SECRET, "clock": lambda: NOW, "allow_private": True}
    return Webhook(url, **{**settings, **options})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


# -- the message


def test_the_event_arrives_whole_with_id_timestamp_and_signature(receiver: Receiver) -> None:
    hook(receiver.url).deliver([EVENT])
    (got,) = receiver.received
    assert got.path == "/hooks?of=burgee"
    assert msgspec.json.decode(got.body, type=AuditEvent) == EVENT
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["webhook-id"] == f"audit_7_{EVENT.hash[:16]}"
    assert got.headers["webhook-timestamp"] == "1800000000"
    signed = f"audit_7_{EVENT.hash[:16]}.1800000000.".encode() + got.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_with_two_secrets_either_verifies(receiver: Receiver) -> None:
    hook(receiver.url, secrets=f"{SECRET}, {OTHER}").deliver([EVENT])
    both = receiver.received[0].headers["webhook-signature"].split(" ")
    hook(receiver.url, secrets=SECRET).deliver([EVENT])
    hook(receiver.url, secrets=OTHER).deliver([EVENT])
    assert both == [each.headers["webhook-signature"] for each in receiver.received[1:]]


def test_a_repeated_delivery_has_the_same_id_and_another_time(receiver: Receiver) -> None:
    now = [NOW]
    sink = hook(receiver.url, clock=lambda: now[0])
    sink.deliver([EVENT])
    now[0] += 60
    sink.deliver([EVENT])
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_the_vector_of_standard_webhooks() -> None:
    secrets = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signatures(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# -- settings


@pytest.mark.parametrize(
    "secrets",
    ["", " , ", "x" * 23, f"{SECRET},short", f"{SECRET},{SECRET},{SECRET}", "whsec_!!!", "whsec_c2hvcnQ="],
)
def test_secrets_that_cannot_work_are_refused_and_not_repeated(secrets: str) -> None:
    with pytest.raises(ConfigurationError, match="BURGEE_WEBHOOK_SECRETS") as refused:
        read_secrets(secrets)
    assert not any(part in str(refused.value) for part in secrets.split(",") if len(part) > 3)


@pytest.mark.parametrize("length", [24, 25])
def test_a_secret_of_24_bytes_is_long_enough(length: int) -> None:
    assert read_secrets("x" * length) == (b"x" * length,)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "http://",
        "http:///path",
        "http://good.example@127.0.0.1/",
        "http://user:password@hooks.example/",
        "http://good.example\\@127.0.0.1/",
        "http://hooks.example/a b",
        "http://hooks.example/\r\nX-Evil: 1",
        "http://hooks.example/\t",
        "http://hooks.example/#fragment",
        "http://hooks.example:99999/",
        "http://hooks.example:port/",
        "http://[::1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://bücher.example/",
    ],
)
def test_urls_that_could_be_read_in_two_ways_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="BURGEE_WEBHOOK_URL"):
        hook(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://hooks.example/", "hooks.example"),
        ("http://hooks.example:80/", "hooks.example"),
        ("http://hooks.example:443/", "hooks.example:443"),
        ("https://hooks.example/", "hooks.example"),
        ("https://HOOKS.example:8443/a?b=c", "hooks.example:8443"),
        ("https://[2606:4700::1]:8443", "[2606:4700::1]:8443"),
    ],
)
def test_the_host_header_is_what_the_url_says(url: str, authority: str) -> None:
    assert parse_target(url).authority == authority


# -- nothing that is not public is ever reached

PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "good.example@127.0.0.1",
    "good.example:80@127.0.0.1",
    "127.0.0.1#good.example",
    "127.0.0.1\\.good.example",
]


def never(address: Address, port: int, seconds: float) -> socket.socket:
    raise AssertionError(f"a connection to {address.ip}")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_no_private_host_is_reached(receiver: Receiver, scheme: str, host: str) -> None:
    with pytest.raises((ConfigurationError, UnavailableError)):
        hook(f"{scheme}://{host}:{receiver.port}/", allow_private=False, connect=never).deliver([EVENT])
    assert receiver.connections == 0


def resolving(*answers: list[str]) -> tuple[Callable[..., Any], list[str]]:
    """A resolver that answers one list after the other, and the names that it was asked for."""
    left, asked = list(answers), list[str]()

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in left.pop(0)]

    return resolve, asked


def test_a_name_that_resolves_to_a_public_and_a_private_address_is_refused() -> None:
    resolve, _ = resolving(["1.1.1.1", "127.0.0.1"])
    with pytest.raises(UnavailableError, match="not public"):
        hook("http://two.example/", allow_private=False, resolve=resolve, connect=never).deliver([EVENT])


def test_rebinding_gains_nothing_since_the_connection_goes_to_what_was_checked() -> None:
    resolve, asked = resolving(["1.1.1.1"], ["127.0.0.1"])
    reached: list[str] = []

    def connect(address: Address, port: int, seconds: float) -> socket.socket:
        reached.append(address.ip)
        raise ConnectionRefusedError

    sink = hook("http://rebinding.example/", allow_private=False, resolve=resolve, connect=connect)
    with pytest.raises(UnavailableError, match="no connection"):
        sink.deliver([EVENT])
    assert (reached, asked) == (["1.1.1.1"], ["rebinding.example"])
    with pytest.raises(UnavailableError, match="not public"):
        sink.deliver([EVENT])
    assert reached == ["1.1.1.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as inner:
        receiver.status, receiver.headers = status, {"Location": inner.url}
        with pytest.raises(UnavailableError, match=str(status)):
            hook(receiver.url).deliver([EVENT])
        assert inner.connections == 0
    assert len(receiver.received) == 1


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        hook(receiver.url).deliver([EVENT])
        assert (len(receiver.received), proxy.connections) == (1, 0)


# -- receivers that misbehave


@pytest.mark.parametrize(
    ("status", "good"), [(199, None), (200, True), (204, True), (299, True), (300, False)]
)
def test_only_a_2xx_is_a_success(receiver: Receiver, status: int, good: bool | None) -> None:
    receiver.status = status
    if good:
        hook(receiver.url).deliver([EVENT])
    else:
        with pytest.raises(UnavailableError):
            hook(receiver.url).deliver([EVENT])


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_what_the_receiver_says_is_not_repeated(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.answer = status, b"secret details of the receiver"
    with pytest.raises(UnavailableError) as failed:
        hook(receiver.url).deliver([EVENT])
    assert str(failed.value) == f"the receiver answered with {status}"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "ATTEMPT_SECONDS", 0.3)
    monkeypatch.setattr(http_post, "FAREWELL_SECONDS", 0.1)


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """A server that treats its first connection as a test says; the URL to reach it."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(treat: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    connection.recv(65_536)
                    treat(connection)
                except OSError:
                    return

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield serve
    listening.close()
    for thread in threads:
        thread.join(5)


def drip(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n\r\n" * 10:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    for _ in range(400):
        connection.sendall(b"x" * 65_536)


@pytest.mark.parametrize(
    ("treat", "why"),
    [
        (lambda connection: time.sleep(1), "in time"),
        (drip, "in time"),
        (flood, "not HTTP"),
        (lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"), "not HTTP"),
        (lambda connection: connection.sendall(b"HTTP/1.1 abc\r\n\r\n"), "not HTTP"),
        (lambda connection: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"), "without an answer"),
        (lambda connection: None, "without an answer"),
    ],
    ids=["silent", "drip", "flood", "mail server", "no number", "only interim", "closed"],
)
def test_no_receiver_holds_a_delivery_up(short: None, raw: Any, treat: Any, why: str) -> None:
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=why):
        hook(raw(treat)).deliver([EVENT])
    assert time.monotonic() - started < 2


def test_an_interim_answer_is_passed_over(short: None, raw: Any) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    hook(raw(lambda connection: connection.sendall(answer))).deliver([EVENT])


def test_an_endless_body_after_a_success_does_not_hold_it_up(short: None, raw: Any) -> None:
    def treat(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        flood(connection)

    started = time.monotonic()
    hook(raw(treat)).deliver([EVENT])
    assert time.monotonic() - started < 2


class Metered(socket.socket):
    """A connection that counts what is read from it."""

    read = 0

    def recv(self, *arguments: int) -> bytes:
        part = super().recv(*arguments)
        Metered.read += len(part)
        return part


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 No\r\n", b"HTTP/1.1 100 Go on\r\n", b""]
)
def test_of_an_answer_of_ten_megabytes_64_kilobytes_are_read(short: None, raw: Any, head: bytes) -> None:
    def treat(connection: socket.socket) -> None:
        connection.sendall(head + b"X-Padding: " + b"x" * 10_000_000)

    def connect(address: Address, port: int, seconds: float) -> socket.socket:
        connection = Metered(address.family, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        connection.connect((address.ip, port))
        return connection

    Metered.read = 0
    with contextlib.suppress(UnavailableError):
        hook(raw(treat), connect=connect).deliver([EVENT])
    assert 0 < Metered.read <= 2 * http_post.LONGEST_ANSWER + 4096  # of the head, and then of the body


def test_a_redirect_loop_is_one_request_for_each_attempt(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    for attempts in (1, 2, 3):
        with pytest.raises(UnavailableError, match="307"):
            hook(receiver.url).deliver([EVENT])
        assert (receiver.connections, len(receiver.received)) == (attempts, attempts)


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(UnavailableError, match="refused"):
        hook(f"http://127.0.0.1:{port}/").deliver([EVENT])


def test_the_next_address_is_tried_where_the_first_does_not_answer(receiver: Receiver) -> None:
    resolve, _ = resolving(["127.0.0.2", "127.0.0.1"])
    hook(f"http://both.example:{receiver.port}/", resolve=resolve).deliver([EVENT])
    assert receiver.received[0].headers["host"] == f"both.example:{receiver.port}"


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of hooks.example with its key, signed by itself."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_receiver(receiver: Receiver, certificate: Path) -> Receiver:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    return receiver


def test_over_tls_the_name_is_checked_although_the_address_is_pinned(
    tls_receiver: Receiver, certificate: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    resolve, _ = resolving(["127.0.0.1"], ["127.0.0.1"])
    url = f"https://hooks.example:{tls_receiver.port}/"
    hook(url, resolve=resolve, context=trusting).deliver([EVENT])
    assert len(tls_receiver.received) == 1
    other = url.replace("hooks.example", "other.example")
    with pytest.raises(UnavailableError, match="no connection"):
        hook(other, resolve=resolve, context=trusting).deliver([EVENT])
    assert len(tls_receiver.received) == 1


def test_a_certificate_of_nobody_known_is_refused(tls_receiver: Receiver) -> None:
    resolve, _ = resolving(["127.0.0.1"])
    with pytest.raises(UnavailableError, match="no connection"):
        hook(f"https://hooks.example:{tls_receiver.port}/", resolve=resolve).deliver([EVENT])
    assert tls_receiver.received == []
