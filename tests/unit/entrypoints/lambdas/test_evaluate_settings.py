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
