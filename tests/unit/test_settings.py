"""Settings: read once, every problem in one message, each in the reference."""

import re
from pathlib import Path

import pytest

from burgee.errors import ConfigurationError
from burgee.model.budget import BudgetMode, BudgetRules, BudgetWindow
from burgee.model.flag_set import FractionalGeneration
from burgee.settings import Settings, StoreKind

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
        "BURGEE_TOKEN_ALGORITHMS": "rs512, RS256,RS512",
        "BURGEE_TOKEN_ISSUER": " https://issuer.example ",
        "BURGEE_TOKEN_AUDIENCE": "flags",
        "BURGEE_TOKEN_IDENTITY": "sub",
        "BURGEE_TOKEN_ROLE": "editor",
        "BURGEE_JWKS_URL": "https://issuer.example/keys",
        "BURGEE_JWKS_MAX_AGE_SECONDS": "3600",
        "BURGEE_ENVIRONMENT": "PRODUCTION",
        "BURGEE_SESSION_COOKIE_NAME": "session",
        "BURGEE_PUBLIC_URL": "https://flags.example/",
        "BURGEE_URL": "http://127.0.0.1:9000",
        "BURGEE_TOKEN": " abc\n",
        "BURGEE_STREAMS": "10",
        "BURGEE_STREAMS_PER_ADDRESS": "11",
        "BURGEE_CONNECTIONS": "20",
        "BURGEE_PARAMETERS_FILE": "parameters.json",
        "BURGEE_HATTON_STRICT_COMPAT": "True",
        "BURGEE_CORS_ORIGINS": " https://a.example, http://localhost:3000 ",
        "BURGEE_RDS_STRICT_COMPAT": "true",
        "BURGEE_BUDGET_LIMIT": "7",
        "BURGEE_BUDGET_WINDOW": "DAY",
        "BURGEE_BUDGET_MODE": "observe",
        "BURGEE_EVALUATION_LIMIT": "8",
        "BURGEE_TOKEN_RATE": "9",
        "BURGEE_ADDRESS_RATE": "10",
        "BURGEE_TRUSTED_PROXIES": " 10.0.0.0/8, ::1 ",
        "BURGEE_AUDIT_FILES": "True",
        "BURGEE_AUDIT_FILE_BYTES": "65536",
        "BURGEE_WEBHOOK_URL": "https://hooks.example/a",
        "BURGEE_WEBHOOK_SECRETS": "one,two",
        "BURGEE_WEBHOOK_ALLOW_PRIVATE": "true",
        "BURGEE_TABLE": "main-table",
        "BURGEE_FLAG_TABLE": "flags",
        "BURGEE_OVERRIDE_TABLE": "overrides",
        "BURGEE_BUDGET_TABLE": "budgets",
        "BURGEE_LIMITED_FUNCTIONS": " manage,evaluate=all ",
        "BURGEE_LIMITER_FUNCTION": "limiter",
        "BURGEE_PARAMETER_PATH": "/burgee/production",
        "BURGEE_PUBLIC_KEY_PARAMETER": "/keys/public",
        "BURGEE_STORE": "DynamoDB",
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
        token_algorithms="RS512,RS256",
        token_issuer="https://issuer.example",
        token_audience="flags",
        token_identity="sub",
        token_role="editor",
        jwks_url="https://issuer.example/keys",
        jwks_max_age_seconds=3600,
        environment="PRODUCTION",
        session_cookie_name="session",
        public_url="https://flags.example",
        url="http://127.0.0.1:9000",
        token="abc",
        streams=10,
        streams_per_address=11,
        connections=20,
        parameters_file="parameters.json",
        hatton_strict_compat=True,
        cors_origins="https://a.example, http://localhost:3000",
        rds_strict_compat=True,
        budget_limit=7,
        budget_window=BudgetWindow.DAY,
        budget_mode=BudgetMode.OBSERVE,
        evaluation_limit=8,
        token_rate=9,
        address_rate=10,
        trusted_proxies="10.0.0.0/8, ::1",
        audit_files=True,
        audit_file_bytes=65_536,
        webhook_url="https://hooks.example/a",
        webhook_secrets="one,two",
        webhook_allow_private=True,
        table="main-table",
        flag_table="flags",
        override_table="overrides",
        budget_table="budgets",
        limited_functions="manage,evaluate=all",
        limiter_function="limiter",
        parameter_path="/burgee/production/",
        public_key_parameter="/keys/public",
        store=StoreKind.DYNAMODB,
    )
    assert (settings.limits.streams, settings.limits.connections) == (10, 20)
    assert settings.budget_rules == BudgetRules(
        seed_limit=7,
        window=BudgetWindow.DAY,
        mode=BudgetMode.OBSERVE,
        evaluation_limit=8,
        token_rate=9,
        address_rate=10,
        workers=4,
    )
    default = Settings()
    same = [name for name in Settings.__struct_fields__ if getattr(settings, name) == getattr(default, name)]
    # It goes with no other way to sign, and has a test of its own.
    assert same == ["signing_key_parameter"]


SIGNING = {"BURGEE_SIGNING_KEY_PARAMETER": "/burgee/a/signing-key"}
KEYS = {"BURGEE_PUBLIC_KEY_PARAMETER": "/burgee/a/public-key"}


def test_a_signing_key_in_ssm_needs_its_public_half_beside_it() -> None:
    settings = Settings.from_mapping({**SIGNING, **KEYS})
    assert settings.signing_key_parameter == "/burgee/a/signing-key"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "BURGEE_PUBLIC_KEY_PARAMETER, which is not set"),
        ({**KEYS, "BURGEE_SIGNING_KEY": "k.pem"}, "BURGEE_SIGNING_KEY names another key"),
        ({**KEYS, "BURGEE_TOKEN_ISSUER": "https://idp.example"}, "would refuse what it signs"),
        ({**KEYS, "BURGEE_TOKEN_AUDIENCE": "flags"}, "would refuse what it signs"),
    ],
)
def test_a_signing_key_whose_tokens_nobody_would_believe_is_refused(more: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Settings.from_mapping({**SIGNING, **more})


def test_an_empty_value_is_no_value() -> None:
    assert Settings.from_mapping({"BURGEE_PORT": "", "BURGEE_HOST": "  "}) == Settings()


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("PORT", ["0", "65535", " 80 "], ["-1", "65536", "x", "1.0", "٣"]),
        ("OPS_PORT", ["0", "65535"], ["-1", "65536"]),
        ("WORKERS", ["1", "64"], ["0", "65"]),
        ("TOKEN_LEEWAY_SECONDS", ["0", "60"], ["-1", "61"]),
        (
            "TOKEN_ALGORITHMS",
            ["RS256", "rs384,RS512"],
            ["none", "RS256,none", "HS256", "PS256", "ES256", ",", "RS256,"],
        ),
        ("TOKEN_IDENTITY", ["userId", " sub "], ["userid", "email", "userId,sub"]),
        ("TOKEN_ROLE", ["reader", "editor", " admin "], ["ADMIN", "sdk-client", "reader,editor"]),
        ("JWKS_MAX_AGE_SECONDS", ["60", "604800"], ["59", "604801"]),
        (
            "JWKS_URL",
            [
                "https://a/k",
                "http://127.0.0.1:9/k",
                "http://localhost/k",
                "http://[::1]/k",
                "https://127.0.0.1/k",
            ],
            [
                "http://a/k",
                "http://127.0.0.1.evil.example/k",
                "http://localhost.evil.example",
                "ftp://a",
                "a",
                "https://u:p@a/k",
                "https://a/k#f",
                "file:///etc/passwd",
                "https://",
            ],
        ),
        ("SESSION_COOKIE_NAME", ["a", "__Host-x.y_z"], ["a b", "a;b", "a=b", "é", "x" * 129]),
        ("STREAMS", ["1", "1000000"], ["0", "1000001"]),
        ("CONNECTIONS", ["1", "1000000"], ["0", "1000001"]),
        ("HATTON_STRICT_COMPAT", ["true", " FALSE "], ["1", "yes", "on"]),
        ("RDS_STRICT_COMPAT", ["true", "false", " TRUE "], ["1", "yes", "on", "truth"]),
        ("BUDGET_LIMIT", ["1", "1000000000"], ["0", "1000000001"]),
        ("BUDGET_WINDOW", ["none", "minute", "hour", " Day ", "MONTH"], ["60", "year"]),
        ("BUDGET_MODE", ["enforce", "Observe"], ["off"]),
        ("EVALUATION_LIMIT", ["0", "1000000000"], ["-1", "1000000001"]),
        ("TOKEN_RATE", ["0", "1000000"], ["-1", "1000001"]),
        ("ADDRESS_RATE", ["0", "1000000"], ["-1", "1000001"]),
        ("TRUSTED_PROXIES", ["10.0.0.0/8", "::1,192.0.2.7"], ["*", "lb", "10.0.0.1/8", "0.0.0.0/0", "::/0"]),
        ("FRACTIONAL", ["v2", "v3", " V2 "], ["2", "v1", "v4"]),
        ("PUBLIC_URL", ["http://a", "https://a:1/b"], ["a", "ftp://a", "http://"]),
        ("URL", ["http://a"], ["a"]),
        (
            "CORS_ORIGINS",
            ["https://a", r"regex:https://\w+\.a\.com"],
            ["*", "null", "a", "regex:.*", "regex:("],
        ),
        ("STORE", ["sqlite", " DynamoDB "], ["dynamo", "memory"]),
        ("LIMITED_FUNCTIONS", ["a", "a, b=all"], ["a b", "a:1", "a,a", "a=b"]),
        ("PARAMETER_PATH", ["/a", "/a/b.c_d-e/"], ["a/", "/", "/a//b", "/a b", "//"]),
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
    for key in ("BURGEE_PUBLIC_KEY", "BURGEE_SIGNING_KEY", "BURGEE_JWKS_URL", "BURGEE_PUBLIC_KEY_PARAMETER"):
        assert not Settings.from_mapping({"BURGEE_HOST": host, key: "https://a/k"}).is_loopback


@pytest.mark.parametrize(
    ("env", "cookie"),
    [
        ({}, ""),
        ({"ENVIRONMENT": "PRODUCTION"}, "rds-session"),
        ({"ENVIRONMENT": "DEVELOPMENT"}, "rds-session-staging"),
        ({"ENVIRONMENT": "production"}, "rds-session-development"),
        ({"BURGEE_ENVIRONMENT": "PRODUCTION", "ENVIRONMENT": "DEVELOPMENT"}, "rds-session"),
        ({"BURGEE_PUBLIC_KEY": "key.pem"}, "rds-session-development"),
        ({"BURGEE_JWKS_URL": "https://a/k"}, "rds-session-development"),
        ({"BURGEE_PUBLIC_KEY_PARAMETER": "k"}, "rds-session-development"),
        ({"SESSION_COOKIE_NAME": "mine"}, "mine"),
        ({"SESSION_COOKIE_NAME": "mine", "ENVIRONMENT": "PRODUCTION"}, "mine"),
        ({"BURGEE_SESSION_COOKIE_NAME": "ours", "SESSION_COOKIE_NAME": "mine"}, "ours"),
    ],
)
def test_the_session_cookie_is_named_as_the_source_system_names_it(env: dict[str, str], cookie: str) -> None:
    assert Settings.from_mapping(env).session_cookie == cookie


def test_the_store_is_read() -> None:
    assert Settings.from_mapping({"BURGEE_STORE": "DynamoDB"}).store is StoreKind.DYNAMODB


@pytest.mark.parametrize(
    ("env", "parameter"),
    [
        ({}, ""),
        ({"ENVIRONMENT": "PRODUCTION"}, ""),
        ({"BURGEE_STORE": "dynamodb"}, ""),
        ({"BURGEE_STORE": "dynamodb", "ENVIRONMENT": "PRODUCTION"}, "PROD_RDS_BACKEND_PUBLIC_KEY"),
        ({"BURGEE_STORE": "dynamodb", "ENVIRONMENT": "DEVELOPMENT"}, "STAGING_RDS_BACKEND_PUBLIC_KEY"),
        ({"BURGEE_STORE": "dynamodb", "ENVIRONMENT": "TESTING"}, "publickey"),
        ({"BURGEE_STORE": "dynamodb", "ENVIRONMENT": "PRODUCTION", "BURGEE_PUBLIC_KEY": "k.pem"}, ""),
        ({"BURGEE_STORE": "dynamodb", "ENVIRONMENT": "PRODUCTION", "BURGEE_JWKS_URL": "https://a/k"}, ""),
        ({"RDS_BACKEND_PUBLIC_KEY_NAME": "named"}, "named"),
        ({"BURGEE_PUBLIC_KEY_PARAMETER": "ours", "RDS_BACKEND_PUBLIC_KEY_NAME": "named"}, "ours"),
        ({"BURGEE_PUBLIC_KEY_PARAMETER": "ours", "BURGEE_PUBLIC_KEY": "k.pem"}, "ours"),
    ],
)
def test_row_63_the_key_parameter_is_named_as_the_source_system_names_it(
    env: dict[str, str], parameter: str
) -> None:
    assert Settings.from_mapping(env).key_parameter == parameter


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


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"BURGEE_STORE": "postgres"}, "BURGEE_STORE"),
        ({"BURGEE_TABLE": "ab"}, "is not the name of a table"),
        ({"BURGEE_FLAG_TABLE": "a b c"}, "is not the name of a table"),
        ({"BURGEE_BUDGET_TABLE": "x" * 256}, "is not the name of a table"),
    ],
)
def test_a_store_that_cannot_be_named_is_refused(env: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Settings.from_mapping(env)


@pytest.mark.parametrize("text", ["false", "FALSE", " False "])
def test_a_switch_can_be_off(text: str) -> None:
    assert Settings.from_mapping({"BURGEE_AUDIT_FILES": text}).audit_files is False
