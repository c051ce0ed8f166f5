"""The settings of the evaluation function: every problem in one message."""

import msgspec
import pytest

from burgee.entrypoints.lambdas.evaluate_settings import EvaluateSettings, read_evaluate_settings
from burgee.errors import ConfigurationError
from burgee.settings import Settings

GOOD = {"BURGEE_SNAPSHOT_BUCKET": "b"}


def test_what_is_not_set_has_its_default() -> None:
    assert read_evaluate_settings(GOOD) == EvaluateSettings(snapshot_bucket="b")
    assert read_evaluate_settings({**GOOD, "BURGEE_FRACTIONAL": ""}) == EvaluateSettings(snapshot_bucket="b")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_evaluate_settings(
            {
                "BURGEE_SNAPSHOT_SOURCE": "store",
                "BURGEE_SNAPSHOT_REFRESH_SECONDS": "x",
                "BURGEE_FRACTIONAL": "v9",
                "BURGEE_TOKEN_LEEWAY_SECONDS": "61",
            }
        )
    assert [line.partition(":")[0] for line in str(caught.value).split("\n")] == [
        "BURGEE_TOKEN_LEEWAY_SECONDS" if name == "leeway" else name
        for name in (
            "BURGEE_SNAPSHOT_REFRESH_SECONDS",
            "BURGEE_FRACTIONAL",
            "BURGEE_SNAPSHOT_SOURCE",
            "leeway",
        )
    ]


@pytest.mark.parametrize(
    ("seconds", "is_good"), [("0.4", False), ("0.5", True), ("3600", True), ("3601", False)]
)
def test_the_interval_has_bounds(seconds: str, is_good: bool) -> None:
    environment = {**GOOD, "BURGEE_SNAPSHOT_REFRESH_SECONDS": seconds}
    if is_good:
        assert read_evaluate_settings(environment).snapshot_refresh_seconds == float(seconds)
    else:
        with pytest.raises(ConfigurationError):
            read_evaluate_settings(environment)


def test_s3_needs_a_bucket_and_dynamodb_does_not() -> None:
    with pytest.raises(ConfigurationError, match="BUCKET"):
        read_evaluate_settings({})
    assert read_evaluate_settings({"BURGEE_SNAPSHOT_SOURCE": "dynamodb"}).table == "burgee"


def test_what_the_server_has_too_has_the_same_default() -> None:
    known = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    for field in msgspec.structs.fields(EvaluateSettings):
        if field.name in known:
            assert field.default == known[field.name], field.name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BURGEE_EVALUATION_LIMIT": "-1"}, "BURGEE_EVALUATION_LIMIT: 0 to"),
        ({"BURGEE_EVALUATION_LIMIT": "1000000001"}, "BURGEE_EVALUATION_LIMIT: 0 to"),
        ({"BURGEE_EVALUATION_LIMIT": "5", "BURGEE_BUDGET_WINDOW": "none"}, "nobody could reset it"),
        ({"BURGEE_BUDGET_WINDOW": "week"}, "BURGEE_BUDGET_WINDOW"),
        ({"BURGEE_JWKS_URL": "https://issuer.example/keys"}, "BURGEE_JWKS_URL"),
    ],
)
def test_what_could_not_hold_here_is_refused_at_the_start(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_evaluate_settings({**GOOD, **changes})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ENVIRONMENT": "PRODUCTION"},
        {"BURGEE_ENVIRONMENT": "DEVELOPMENT"},
        {"BURGEE_PUBLIC_KEY_PARAMETER": "k"},
        {"RDS_BACKEND_PUBLIC_KEY_NAME": "k", "ENVIRONMENT": "else"},
        {"BURGEE_PUBLIC_KEY": "k", "SESSION_COOKIE_NAME": "mine"},
    ],
)
def test_the_session_cookie_is_that_of_the_server(environment: dict[str, str]) -> None:
    ours = read_evaluate_settings({**GOOD, **environment})
    theirs = Settings.from_mapping({**environment, "BURGEE_DATA": ":memory:"})
    assert ours.session_cookie == theirs.session_cookie
