"""Whose certificates are believed: the few first, all where they do not do, and nobody else's."""

import datetime
import hashlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from burgee.adapters.aws import authorities as module
from burgee.adapters.aws.authorities import AMAZON_ROOTS, Authorities, Named
from burgee.adapters.aws.http_connection import HttpConnection, Origin

PUBLISHED = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}
"""SHA-256 of the certificates, as Amazon Trust Services publishes them."""


def test_the_file_holds_the_roots_of_amazon_and_nothing_else() -> None:
    found = {}
    for part in Path(AMAZON_ROOTS).read_text("ascii").split("# ")[1:]:
        name, _, pem = part.partition("\n")
        found[name] = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    assert found == PUBLISHED


def made(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and the file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@contextmanager
def tls_service(certificate: Path, key: Path) -> Iterator[int]:
    """The port of somebody who answers every request 204, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    while secured.recv(65_536):
                        secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made(tmp_path_factory.mktemp("ours"), "ours")


def status(port: int, trusted: Authorities) -> int:
    connection = HttpConnection(Origin(True, "127.0.0.1", port), authorities=trusted)
    try:
        return connection.request("GET", "/", {}, b"", deadline=time.monotonic() + 5).status
    finally:
        connection.close()


def counting(file: Path | None) -> tuple[Callable[[], ssl.SSLContext], list[int]]:
    """What makes the wide context, and how often it was asked to."""
    asked: list[int] = []

    def make() -> ssl.SSLContext:
        asked.append(1)
        return ssl.create_default_context(cafile=str(file or AMAZON_ROOTS))

    return make, asked


def test_who_is_vouched_for_by_the_few_never_costs_all(ours: tuple[Path, Path]) -> None:
    wide, asked = counting(None)
    with tls_service(*ours) as port:
        assert status(port, Authorities(str(ours[0]), wide=wide)) == 204
    assert asked == []


def test_who_is_vouched_for_by_the_system_is_believed_and_from_then_on_at_once(
    ours: tuple[Path, Path],
) -> None:
    wide, asked = counting(ours[0])
    trusted = Authorities(AMAZON_ROOTS, wide=wide)
    with tls_service(*ours) as port:
        assert [status(port, trusted) for _ in range(3)] == [204] * 3
    assert asked == [1]


def test_who_is_vouched_for_by_nobody_is_refused_each_time(ours: tuple[Path, Path]) -> None:
    wide, asked = counting(None)
    trusted = Authorities(AMAZON_ROOTS, wide=wide)
    with tls_service(*ours) as port:
        for _ in range(2):
            with pytest.raises(ssl.SSLCertVerificationError):
                status(port, trusted)
    assert asked == [1]


def test_where_a_file_is_named_nobody_beside_it_is_believed(
    ours: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_known", None)
    monkeypatch.setenv("AWS_CA_BUNDLE", AMAZON_ROOTS)
    named = module.authorities()
    assert isinstance(named, Named)
    with tls_service(*ours) as port, pytest.raises(ssl.SSLCertVerificationError):
        status(port, named)
    monkeypatch.setattr(module, "_known", None)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(ours[0]))
    with tls_service(*ours) as port:
        assert status(port, module.authorities()) == 204
