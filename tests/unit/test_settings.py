"""Settings: read once, every problem in one message, each in the reference."""

import re
from pathlib import Path

import pytest

from burgee.errors import ConfigurationError
from burgee.model.flag_set import FractionalGeneration
from burgee.settings import Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_nothing_set_means_a_server_for_this_machine_alone() -> None:
    settings = Settings.from_mapping({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.ops_port, settings.workers) == ("127.0.0.1", 8016, 8014, 1)
    assert settings.is_loopback
    assert not settings.is_memory


def test_every_setting_is_read() -> None:
    env = {
        "BURGEE_DATA": "/data",
        "BURGEE_HOST": "0.0.0.0",
        "BURGEE_PORT": "9000",
        "BURGEE_OPS_HOST": "::1",
        "BURGEE_OPS_PORT": "0",
        "BURGEE_WORKERS": "4",
        "BURGEE_FRACTIONAL": "V3",
        "BURGEE_PUBLIC_KEY": "key.pem",
        "BURGEE_SIGNING_KEY": "sign.pem",
        "BURGEE_TOKEN_LEEWAY_SECONDS": "5",
        "BURGEE_PUBLIC_URL": "https://flags.example/",
        "BURGEE_URL": "http://127.0.0.1:9000",
        "BURGEE_TOKEN": " abc\n",
        "BURGEE_STREAMS": "10",
        "BURGEE_CONNECTIONS": "20",
        "BURGEE_AUDIT_FILES": "True",
        "BURGEE_AUDIT_FILE_BYTES": "65536",
        "BURGEE_WEBHOOK_URL": "https://hooks.example/a",
        "BURGEE_WEBHOOK_SECRETS": "one,two",
        "BURGEE_WEBHOOK_ALLOW_PRIVATE": "true",
        "BURGEE_SOMETHING_ELSE": "is passed over",
    }
    settings = Settings.from_mapping(env)
    assert settings == Settings(
        data="/data",
        host="0.0.0.0",
        port=9000,
        ops_host="::1",
        ops_port=0,
        workers=4,
        fractional=FractionalGeneration.V3,
        public_key="key.pem",
        signing_key="sign.pem",
        token_leeway_seconds=5,
        public_url="https://flags.example",
        url="http://127.0.0.1:9000",
        token="abc",
        streams=10,
        connections=20,
        audit_files=True,
        audit_file_bytes=65_536,
        webhook_url="https://hooks.example/a",
        webhook_secrets="one,two",
        webhook_allow_private=True,
    )
    assert (settings.limits.streams, settings.limits.connections) == (10, 20)
    default = Settings()
    same = [name for name in Settings.__struct_fields__ if getattr(settings, name) == getattr(default, name)]
    assert same == []


def test_an_empty_value_is_no_value() -> None:
    assert Settings.from_mapping({"BURGEE_PORT": "", "BURGEE_HOST": "  "}) == Settings()


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("PORT", ["0", "65535", " 80 "], ["-1", "65536", "x", "1.0", "٣"]),
        ("OPS_PORT", ["0", "65535"], ["-1", "65536"]),
        ("WORKERS", ["1", "64"], ["0", "65"]),
        ("TOKEN_LEEWAY_SECONDS", ["0", "60"], ["-1", "61"]),
        ("STREAMS", ["1", "1000000"], ["0", "1000001"]),
        ("CONNECTIONS", ["1", "1000000"], ["0", "1000001"]),
        ("FRACTIONAL", ["v2", "v3", " V2 "], ["2", "v1", "v4"]),
        ("PUBLIC_URL", ["http://a", "https://a:1/b"], ["a", "ftp://a", "http://"]),
        ("URL", ["http://a"], ["a"]),
        ("HOST", ["localhost", "::1", "127.0.0.2"], ["http://a", "a b", "127.0.0.1:80"]),
    ],
)
def test_values_are_checked_at_their_edges(name: str, accepted: list[str], refused: list[str]) -> None:
    for value in accepted:
        Settings.from_mapping({f"BURGEE_{name}": value})
    for value in refused:
        with pytest.raises(ConfigurationError, match=f"BURGEE_{name}"):
            Settings.from_mapping({f"BURGEE_{name}": value})


def test_every_problem_is_in_one_message() -> None:
    env = {"BURGEE_PORT": "x", "BURGEE_WORKERS": "0", "BURGEE_FRACTIONAL": "v9"}
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_mapping(env)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [*env]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "flags.example"])
def test_a_server_that_others_reach_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match="BURGEE_PUBLIC_KEY"):
        Settings.from_mapping({"BURGEE_HOST": host})
    for key in ("BURGEE_PUBLIC_KEY", "BURGEE_SIGNING_KEY"):
        assert not Settings.from_mapping({"BURGEE_HOST": host, key: "key.pem"}).is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    assert Settings.from_mapping({"BURGEE_HOST": host}).is_loopback


def test_the_memory_profile_has_a_name() -> None:
    assert Settings.from_mapping({"BURGEE_DATA": ":memory:"}).is_memory


def test_the_reference_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"^\| `(BURGEE_[A-Z_]+)`", REFERENCE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(f"BURGEE_{name.upper()}" for name in Settings.__struct_fields__)


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"BURGEE_WEBHOOK_URL": "https://hooks.example"}, "needs BURGEE_WEBHOOK_SECRETS"),
        ({"BURGEE_AUDIT_FILES": "true", "BURGEE_DATA": ":memory:"}, "files need a data folder"),
        ({"BURGEE_AUDIT_FILES": "yes"}, "is not true or false"),
        ({"BURGEE_AUDIT_FILE_BYTES": "65535"}, "from 65536 to"),
    ],
)
def test_sinks_that_cannot_work_are_refused(env: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Settings.from_mapping(env)


@pytest.mark.parametrize("text", ["false", "FALSE", " False "])
def test_a_switch_can_be_off(text: str) -> None:
    assert Settings.from_mapping({"BURGEE_AUDIT_FILES": text}).audit_files is False
