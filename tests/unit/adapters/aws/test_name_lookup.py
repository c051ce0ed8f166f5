"""Names are looked up within a deadline, and what was known goes on being used (F10)."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from burgee.adapters.aws.http_connection import HttpConnection, Origin
from burgee.adapters.aws.name_lookup import Address, NameLookup, numeric_addresses
from burgee.testing.aws.stub_service import stub_service

PLACE: Address = (int(socket.AF_INET), ("127.0.0.1", 80))


class Resolver:
    """Answers what a test says, and nothing while it is silent."""

    def __init__(self) -> None:
        self.answers: list[list[Address] | OSError] = [[PLACE]]
        self.looks = 0
        self.speaks = threading.Event()
        self.speaks.set()

    def __call__(self, host: str, port: int) -> list[Address]:
        self.looks += 1
        self.speaks.wait(30)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    yield made
    made.speaks.set()


def test_an_answer_is_handed_on(resolver: Resolver) -> None:
    assert NameLookup(resolver).addresses("a", 80, seconds=5) == [PLACE]


def test_f10_a_resolver_that_says_nothing_is_waited_for_as_long_as_there_is_time(resolver: Resolver) -> None:
    resolver.speaks.clear()
    names = NameLookup(resolver)
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            names.addresses("a", 80, seconds=0.1)
    assert 0.3 <= time.monotonic() - began < 1.5
    assert resolver.looks == 1  # of those who wait, one has asked


def test_f10_what_was_known_is_used_while_the_resolver_says_nothing(resolver: Resolver) -> None:
    names = NameLookup(resolver)
    names.addresses("a", 80, seconds=5)
    resolver.speaks.clear()
    began = time.monotonic()
    assert names.addresses("a", 80, seconds=5) == [PLACE]
    assert time.monotonic() - began < 1


def test_a_name_that_nobody_knows_is_an_error_and_is_looked_up_again(resolver: Resolver) -> None:
    resolver.answers = [OSError("no such name"), [], [PLACE]]
    names = NameLookup(resolver)
    for _ in range(2):
        with pytest.raises(OSError, match="a cannot be looked up"):
            names.addresses("a", 80, seconds=5)
    assert names.addresses("a", 80, seconds=5) == [PLACE]


def test_a_failure_takes_nothing_away_that_was_known(resolver: Resolver) -> None:
    resolver.answers = [[PLACE], OSError("no network")]
    names = NameLookup(resolver)
    assert names.addresses("a", 80, seconds=5) == names.addresses("a", 80, seconds=5) == [PLACE]


@pytest.mark.parametrize(
    ("host", "families"), [("127.0.0.1", 1), ("::1", 1), ("localhost", 0), ("a" * 300, 0)]
)
def test_an_address_needs_no_looking_up(host: str, families: int) -> None:
    assert len(numeric_addresses(host, 80)) == families


def test_f10_a_connection_ends_its_look_up_with_its_deadline(resolver: Resolver) -> None:
    resolver.speaks.clear()
    connection = HttpConnection(Origin(False, "s3.nowhere", 80), names=NameLookup(resolver))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        connection.request("GET", "/", {}, b"", deadline=began + 0.2)
    assert time.monotonic() - began < 1


def test_a_connection_tries_one_address_after_the_other(resolver: Resolver) -> None:
    with socket.socket() as closed, stub_service(lambda _: (200, {}, b"ok")) as service:
        closed.bind(("127.0.0.1", 0))
        port = int(service.url.rpartition(":")[2])
        family = int(socket.AF_INET)
        resolver.answers = [[(family, closed.getsockname()), (family, ("127.0.0.1", port))]]
        connection = HttpConnection(Origin(False, "s3.somewhere", port), names=NameLookup(resolver))
        assert connection.request("GET", "/", {}, b"", deadline=time.monotonic() + 5).body == b"ok"
        connection.close()
