"""Parameters and public keys in SSM: what is believed and how long, and that no failure is."""

import threading
import time
from typing import Any

import pytest

from burgee.adapters.aws.session import aws_client
from burgee.adapters.aws.ssm import (
    KEY_SECONDS,
    PARAMETER_SECONDS,
    PAUSE_SECONDS,
    SsmKeys,
    SsmParameters,
    read_parameter,
)
from burgee.bootstrap import open_application
from burgee.errors import KeysUnavailableError, UnavailableError
from burgee.settings import MEMORY, Settings
from burgee.testing.aws.emulators import black_hole
from burgee.testing.aws.failing_calls import FailingCalls
from burgee.testing.token_workshop import pem_of, public_pem_of
from burgee.testing.workshop import HandClock

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.aws

PATH = "/burgee/test/"
NAME = "allow-flag-deletion"
KEY = "/burgee/test/public-key"
ONE, TWO = public_pem_of("one").decode(), public_pem_of("two").decode()


@pytest.fixture
def client(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return aws_client("ssm")


@pytest.fixture
def clock() -> HandClock:
    return HandClock(1_000.0)


def put(client: Any, text: str, *, name: str = PATH + NAME, kind: str = "String") -> None:
    client.put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_parameter_is_the_path_and_its_name(client: Any, kind: str) -> None:
    put(client, "true", kind=kind)
    parameters = SsmParameters(client, PATH)
    assert (parameters.parameter(NAME), parameters.parameter("other")) == ("true", None)


@pytest.mark.parametrize(
    ("later", "text"), [(0.0, "false"), (PARAMETER_SECONDS - 0.01, "false"), (PARAMETER_SECONDS, "true")]
)
def test_a_text_is_believed_for_half_a_minute(client: Any, clock: HandClock, later: float, text: str) -> None:
    put(client, "false")
    parameters = SsmParameters(client, PATH, monotonic=clock)
    parameters.parameter(NAME)
    put(client, "true")
    clock.now += later
    assert parameters.parameter(NAME) == text


def test_that_there_is_none_is_an_answer_too(client: Any, clock: HandClock) -> None:
    parameters = SsmParameters(client, PATH, monotonic=clock)
    assert parameters.parameter(NAME) is None
    put(client, "true")
    assert parameters.parameter(NAME) is None
    clock.now += PARAMETER_SECONDS
    assert parameters.parameter(NAME) == "true"


def test_a_failure_is_never_remembered_and_an_old_text_never_stands_in(client: Any, clock: HandClock) -> None:
    put(client, "true")
    parameters = SsmParameters(client, PATH, monotonic=clock)
    failing = FailingCalls(client, "ssm.GetParameter")
    failing.left = 1
    with pytest.raises(UnavailableError):
        parameters.parameter(NAME)
    assert parameters.parameter(NAME) == "true"
    clock.now += PARAMETER_SECONDS
    failing.left = 1
    with pytest.raises(UnavailableError):
        parameters.parameter(NAME)
    assert parameters.parameter(NAME) == "true"


def test_the_application_looks_for_parameters_below_the_path_before_the_environment(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURGEE_PARAMETER_ALLOW_FLAG_DELETION", "true")
    settings = Settings(data=MEMORY, parameter_path=PATH)
    for text, allowed in ((None, True), ("false", False), ("true", True)):
        if text is not None:
            put(client, text)
        with open_application(settings) as services:
            assert services.parameters.is_true(NAME) is allowed


def test_a_black_hole_is_unavailable_within_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            SsmParameters(aws_client("ssm"), PATH).parameter(NAME)
        assert time.monotonic() - begun < 3.0


def keys_of(client: Any, clock: HandClock) -> SsmKeys:
    return SsmKeys(lambda: read_parameter(client, KEY), monotonic=clock)


def looked(keys: SsmKeys) -> int:
    """How many keys are known after a request that needs one; raises where none is."""
    try:
        return len(keys.candidates(None))
    except KeysUnavailableError:
        keys.await_keys()
        return len(keys.candidates(None))


@pytest.mark.parametrize("text", [ONE, ONE.replace("\n", "\\n"), f"\n {ONE}\n"])
def test_row_63_the_key_is_a_secure_string(client: Any, clock: HandClock, text: str) -> None:
    put(client, text, name=KEY, kind="SecureString")
    keys = keys_of(client, clock)
    assert looked(keys) == 1
    (key,) = keys.candidates("whatever its issuer calls it")
    assert key.public_numbers() == _numbers(ONE)


def test_during_a_rotation_both_keys_count(client: Any, clock: HandClock) -> None:
    put(client, ONE + TWO, name=KEY, kind="SecureString")
    assert looked(keys_of(client, clock)) == 2


def test_row_64_f15_a_look_up_that_fails_three_times_is_made_a_fourth_time(
    client: Any, clock: HandClock
) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys, failing = keys_of(client, clock), FailingCalls(client, "ssm.GetParameter")
    failing.left = 3
    for _ in range(3):
        with pytest.raises(KeysUnavailableError):
            looked(keys)
    assert (looked(keys), failing.left) == (1, 0)


@pytest.mark.parametrize(("later", "changed"), [(KEY_SECONDS - 0.01, False), (KEY_SECONDS, True)])
def test_row_64_a_new_key_is_seen_within_a_minute(
    client: Any, clock: HandClock, later: float, changed: bool
) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys = keys_of(client, clock)
    looked(keys)
    generation = keys.generation()
    put(client, TWO, name=KEY, kind="SecureString")
    clock.now += later
    keys.await_keys()
    (key,) = keys.candidates(None)
    assert (key.public_numbers() == _numbers(TWO)) is changed
    assert (keys.generation() != generation) is changed


def test_the_same_key_again_is_no_change(client: Any, clock: HandClock) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys = keys_of(client, clock)
    looked(keys)
    generation = keys.generation()
    clock.now += KEY_SECONDS
    keys.await_keys()
    assert keys.generation() == generation


def test_the_last_good_key_stays_while_there_is_no_other(client: Any, clock: HandClock) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys, failing = keys_of(client, clock), FailingCalls(client, "ssm.GetParameter")
    looked(keys)
    for bad in ("", "no key", ONE[:100], pem_of("one").decode(), ONE + pem_of("two").decode()):
        if bad:
            put(client, bad, name=KEY, kind="SecureString")
        else:
            failing.left = 1
        clock.now += KEY_SECONDS
        keys.await_keys()
        assert [key.public_numbers() for key in keys.candidates(None)] == [_numbers(ONE)]
    client.delete_parameter(Name=KEY)
    clock.now += KEY_SECONDS
    keys.await_keys()
    assert len(keys.candidates(None)) == 1


@pytest.mark.parametrize(("later", "looks"), [(PAUSE_SECONDS - 0.01, 1), (PAUSE_SECONDS, 2)])
def test_while_an_old_key_is_there_failures_are_ten_seconds_apart(
    client: Any, clock: HandClock, later: float, looks: int
) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys, failing = keys_of(client, clock), FailingCalls(client, "ssm.GetParameter")
    looked(keys)
    failing.left = 1000
    clock.now += KEY_SECONDS
    keys.await_keys()
    clock.now += later
    for _ in range(5):
        keys.await_keys()
    assert 1000 - failing.left == looks


def test_of_many_requests_at_once_one_looks(clock: HandClock) -> None:
    reads, start = list[int](), threading.Barrier(8)

    def read() -> str:
        reads.append(1)
        time.sleep(0.2)
        raise UnavailableError("away")

    keys = SsmKeys(read, monotonic=clock)

    def look() -> None:
        start.wait()
        keys.await_keys()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1


def test_a_started_source_knows_the_keys_by_itself_and_stops(client: Any) -> None:
    put(client, ONE, name=KEY, kind="SecureString")
    keys = SsmKeys(lambda: read_parameter(client, KEY))
    keys.start()
    give_up = time.monotonic() + 5
    while True:
        try:
            assert len(keys.candidates(None)) == 1
            break
        except KeysUnavailableError:
            assert time.monotonic() < give_up
            time.sleep(0.01)
    keys.close()


def _numbers(pem: str) -> Any:
    from burgee.adapters.rsa_keys import read_public_key

    return read_public_key(pem.encode()).public_numbers()
