"""What no checker knows: that the template, the code and the documents say the same."""

import ast
import json
import re
from typing import Any

import pytest
from tests.infra.conftest import CONTAINER, ROOT

from burgee.adapters.aws import emf
from burgee.entrypoints.lambdas.evaluate_settings import EvaluateSettings, read_evaluate_settings
from burgee.model.audit import AuditEvent
from burgee.model.budget import BudgetScope
from burgee.model.limited_function import read_limited_functions
from burgee.settings import Settings
from burgee.testing.aws.privileges import role_of
from burgee.testing.aws.template import Template

pytestmark = pytest.mark.infra


sqlglot = pytest.importorskip("sqlglot")

FUNCTIONS = (
    "EvaluateFunction",
    "ManageFunction",
    "LimiterFunction",
    "PublishSnapshotFunction",
    "AuditFunction",
    "UsageFunction",
)
STREAM_FUNCTIONS = ("PublishSnapshotFunction", "AuditFunction")
UNTOUCHED = (
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::SSM::Parameter",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Logs::LogGroup",
)


def test_the_functions_are_those_of_the_architecture(template: Template) -> None:
    assert template.functions == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_is_in_the_sources(function: str, template: Template) -> None:
    module, _, name = template.handler(function).rpartition(".")
    path = ROOT / "src" / (module.replace(".", "/") + ".py")
    assert path.is_file(), f"there is no {path.relative_to(ROOT)}"
    body = ast.parse(path.read_text()).body
    assert name in {each.name for each in body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_small_arm_and_of_the_runtime_that_is_compiled_for(
    function: str, template: Template
) -> None:
    properties = template.properties(function)
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
    assert template.resources[function]["Metadata"] == {"BuildMethod": "makefile"}
    assert f"build-{function}:" in (ROOT / "infra" / "functions" / "Makefile").read_text()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_role_and_a_log_of_its_own(function: str, template: Template) -> None:
    stem = function.removesuffix("Function")
    assert role_of(template, function) == f"{stem}Role"
    assert template.resources[function]["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": f"{stem}Log"}}
    assert template.properties(f"{stem}Log")["RetentionInDays"] == 30


def test_tables_and_the_like_are_deployed_as_they_are_written(
    template: Template, translated: Template
) -> None:
    """What tests build from the template is what CloudFormation builds."""
    for kind in UNTOUCHED:
        assert template.of_type(kind)
        assert sorted(template.of_type(kind)) == sorted(translated.of_type(kind))
        for name in template.of_type(kind):
            assert template.properties(name) == translated.properties(name)


@pytest.mark.parametrize("table", ["FlagTable", "OverrideTable", "BudgetTable", "MainTable"])
def test_every_table_is_encrypted_recoverable_and_protected(table: str, translated: Template) -> None:
    properties = translated.properties(table)
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True
    assert translated.resources[table]["DeletionPolicy"] == "Retain"


def test_a_stream_that_is_read_is_on_and_shows_both_images(template: Template) -> None:
    by_name = {
        template.name(table): template.properties(table) for table in template.of_type("AWS::DynamoDB::Table")
    }
    assert {source.function for source in template.event_sources()} == set(STREAM_FUNCTIONS)
    for source in template.event_sources():
        assert by_name[source.table]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_no_poison_record_stops_a_stream(template: Template) -> None:
    for source in template.event_sources():
        said = source.properties
        assert said["BisectBatchOnFunctionError"] is True
        assert said["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert 0 < said["MaximumRetryAttempts"] <= 10_000
        letters = source.function.removesuffix("Function") + "DeadLetters"
        assert said["DestinationConfig"] == {
            "OnFailure": {"Type": "SQS", "Destination": template.arn(letters)}
        }


def test_no_stream_has_more_readers_than_dynamodb_bears(template: Template) -> None:
    readers: dict[str, int] = {}
    for source in template.event_sources():
        readers[source.table] = readers.get(source.table, 0) + 1
    assert max(readers.values()) <= 2


def test_options_of_every_route_are_answered_by_what_no_brake_holds(template: Template) -> None:
    routes = {(route.path, route.method): route.function for route in template.routes()}
    for path, _ in routes:
        assert routes[path, "options"] == "LimiterFunction"


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("any", "/ofrep/{proxy+}", "EvaluateFunction"),
        ("any", "/v1/flags", "EvaluateFunction"),
        ("any", "/users/{userId}/feature-flags/evaluation", "EvaluateFunction"),
        ("any", "/users/{userId}/feature-flags/{flagId}/evaluation", "EvaluateFunction"),
        ("patch", "/mark-concurrency-zero", "LimiterFunction"),
        ("post", "/reset-limit", "LimiterFunction"),
        ("any", "/api/v1/budget", "LimiterFunction"),
        ("any", "/api/v1/budget/{proxy+}", "LimiterFunction"),
        ("any", "/api/v1/{proxy+}", "ManageFunction"),
        ("any", "/feature-flags/{flagId}", "ManageFunction"),
        ("any", "/users/{userId}/feature-flags/{flagId}", "ManageFunction"),
        ("any", "/{proxy+}", "ManageFunction"),
        ("any", "/", "ManageFunction"),
    ],
)
def test_a_route_leads_to_the_function_that_serves_it(
    method: str, path: str, function: str, template: Template
) -> None:
    assert [each.function for each in template.routes() if (each.method, each.path) == (method, path)] == [
        function
    ]


def test_no_two_variables_stand_at_the_same_place_of_a_path(template: Template) -> None:
    """API Gateway refuses such a tree of resources."""
    at_place: dict[str, set[str]] = {}
    for route in template.routes():
        parts = route.path.split("/")
        for index, part in enumerate(parts):
            if part.startswith("{"):
                at_place.setdefault("/".join(parts[:index]), set()).add(part)
    assert {place: names for place, names in at_place.items() if len(names) > 1} == {}


def test_a_throttled_function_is_said_in_json_with_cors_headers(translated: Template) -> None:
    responses = translated.properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"]
    assert responses["DEFAULT_5XX"]["statusCode"] == "503"
    assert responses["INTEGRATION_FAILURE"] == responses["DEFAULT_5XX"]
    assert responses["THROTTLED"]["statusCode"] == "429"
    for said in responses.values():
        headers = said["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "method.request.header.Origin"
        assert headers["gatewayresponse.header.Vary"] == "'Origin'"
        assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"
        body = said["responseTemplates"]["application/json"]
        assert json.loads(body)["requestId"] == "$context.requestId"


def test_the_brake_holds_what_serves_clients_and_not_itself(template: Template) -> None:
    said = read_limited_functions(template.environment("LimiterFunction")["BURGEE_LIMITED_FUNCTIONS"])
    assert [(each.name, each.stop) for each in said] == [
        (template.name("ManageFunction"), BudgetScope.MANAGEMENT),
        (template.name("EvaluateFunction"), BudgetScope.ALL),
    ]
    assert template.environment("ManageFunction")["BURGEE_LIMITER_FUNCTION"] == template.name(
        "LimiterFunction"
    )
    assert "ReservedConcurrentExecutions" not in template.properties("LimiterFunction")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_variable_of_a_function_is_one_that_its_handler_reads(
    function: str, template: Template
) -> None:
    """By its module, or by the settings that the module reads."""
    module = template.handler(function).rpartition(".")[0]
    source = (ROOT / "src" / (module.replace(".", "/") + ".py")).read_text()
    known = set(re.findall(r"BURGEE_[A-Z_]+", source))
    if "Settings.from_mapping" in source:
        known |= {f"BURGEE_{field.upper()}" for field in Settings.__struct_fields__}
    if "read_evaluate_settings" in source:
        known |= {f"BURGEE_{field.upper()}" for field in EvaluateSettings.__struct_fields__}
    given = template.environment(function)
    assert given
    assert sorted(set(given) - known) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_a_handler_is_told_are_settings_that_it_accepts(function: str, template: Template) -> None:
    environment = template.environment(function)
    Settings.from_mapping(environment)
    if function == "EvaluateFunction":
        read_evaluate_settings(environment)


def test_every_variable_of_the_container_is_a_setting() -> None:
    known = {f"BURGEE_{field.upper()}" for field in Settings.__struct_fields__}
    given = set(re.findall(r"Name: (BURGEE_[A-Z_]+)", CONTAINER.read_text()))
    assert len(given) > 8
    assert sorted(given - known) == []


def test_counts_of_evaluations_come_from_the_log_that_they_are_written_to(translated: Template) -> None:
    (name,) = translated.of_type("AWS::Logs::SubscriptionFilter")
    said = translated.properties(name)
    assert said["FilterPattern"] == '{ $.burgee = "usage" }'
    assert said["LogGroupName"] == translated.name("EvaluateLog")
    assert said["DestinationArn"] == translated.arn("UsageFunction")


def test_every_parameter_and_condition_is_used(template: Template) -> None:
    text = json.dumps({key: each for key, each in template.document.items() if key != "Parameters"})
    for name in template.document["Parameters"]:
        assert f'{{"Ref": "{name}"}}' in text or f"${{{name}}}" in text, name
    for name in template.document["Conditions"]:
        assert f'"Condition": "{name}"' in text or f'{{"Fn::If": ["{name}"' in text, name


def test_every_function_and_every_queue_has_its_alarm(template: Template) -> None:
    watched = {
        dimension["Value"]
        for metric in _alarmed(template)
        for dimension in metric.get("Dimensions", ())
        if metric["MetricName"] in {"Errors", "ApproximateNumberOfMessagesVisible"}
    }
    assert {template.name(function) for function in template.functions} <= watched
    assert {template.name(queue) for queue in template.of_type("AWS::SQS::Queue")} <= watched


def test_every_alarm_tells_somebody(template: Template) -> None:
    for alarm in template.of_type("AWS::CloudWatch::Alarm"):
        assert template.properties(alarm)["AlarmActions"] == [template.arn("AlarmTopic")]
    said = template.properties("AlarmSubscription")
    assert (said["Protocol"], said["Endpoint"]) == ("email", "alarms@example.com")


def test_alarms_and_dashboards_name_metrics_that_are_emitted(template: Template) -> None:
    emitted = {(emf.NAMESPACE, metric.name) for metric in emf.METRICS}
    for name in template.of_type("AWS::Logs::MetricFilter"):
        for made in template.properties(name)["MetricTransformations"]:
            emitted.add((made["MetricNamespace"], made["MetricName"]))
    named = {(metric["Namespace"], metric["MetricName"]) for metric in _alarmed(template)}
    for widget in json.loads(template.properties("Dashboard")["DashboardBody"])["widgets"]:
        named |= {(row[0], row[1]) for row in widget["properties"]["metrics"]}
    ours = {each for each in named if not each[0].startswith("AWS/")}
    assert len(ours) >= 3
    assert ours - emitted == set()


def test_our_metrics_are_watched_by_the_dimension_that_is_emitted(template: Template) -> None:
    for metric in _alarmed(template):
        if metric["Namespace"] == emf.NAMESPACE:
            assert [each["Name"] for each in metric["Dimensions"]] == [emf.DIMENSION]


def test_audit_lines_are_lines_encrypted_partitioned_by_day_and_put_away(template: Template) -> None:
    destination = template.properties("AuditStream")["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"] == "ddb-changes/day=!{timestamp:yyyy-MM-dd}/"
    (processor,) = destination["ProcessingConfiguration"]["Processors"]
    assert processor["Type"] == "AppendDelimiterToRecord"
    assert processor["Parameters"] == [{"ParameterName": "Delimiter", "ParameterValue": r"\n"}]
    rules = template.properties("AuditBucket")["LifecycleConfiguration"]["Rules"]
    (cold,) = [rule for rule in rules if "Transitions" in rule]
    assert (cold["Prefix"], cold["Transitions"][0]["StorageClass"]) == ("ddb-changes/", "GLACIER_IR")
    table = template.properties("AuditTable")["TableInput"]
    assert table["Parameters"]["storage.location.template"].endswith("/ddb-changes/day=${day}/")


def test_saved_queries_read_columns_that_the_table_has(template: Template) -> None:
    table = template.properties("AuditTable")["TableInput"]
    columns = {each["Name"] for each in table["StorageDescriptor"]["Columns"]} | {"day"}
    queries = [template.properties(name) for name in template.of_type("AWS::Athena::NamedQuery")]
    assert [query["Name"] for query in queries] == [
        "Who changed what",
        "Changes per day",
        "Flags never evaluated",
    ]
    for query in queries:
        assert query["WorkGroup"] == template.name("AuditWorkGroup")
        used = set(re.findall(r"\bc\.([a-z_]+)", query["QueryString"]))
        assert used
        assert used <= columns
        sqlglot.transpile(query["QueryString"], read="athena")


def test_the_columns_of_audit_lines_are_the_members_of_an_audit_event(template: Template) -> None:
    table = template.properties("AuditTable")["TableInput"]
    columns = [each["Name"] for each in table["StorageDescriptor"]["Columns"]]
    members = [name.replace("_", "") for name in AuditEvent.__struct_fields__]
    assert sorted(columns) == sorted(members)


def test_a_bucket_that_gets_public_is_closed_again(template: Template) -> None:
    for bucket in ("Snapshot", "Audit"):
        rule = template.properties(f"{bucket}BucketGuard")
        assert rule["Scope"]["ComplianceResourceId"] == template.name(f"{bucket}Bucket")
        remedy = template.properties(f"{bucket}BucketRemedy")
        assert remedy["Automatic"] is True
        assert remedy["Parameters"]["AutomationAssumeRole"]["StaticValue"]["Values"] == [
            template.arn("BucketGuardRole")
        ]


def test_deletion_of_flags_is_forbidden_until_somebody_allows_it(template: Template) -> None:
    said = template.properties("AllowFlagDeletion")
    assert (said["Name"], said["Value"]) == ("/burgee/test/allow-flag-deletion", "false")
    assert said["Name"].startswith(template.environment("ManageFunction")["BURGEE_PARAMETER_PATH"])


def test_nothing_in_the_templates_is_of_one_account_or_region() -> None:
    for path in (ROOT / "infra" / "template.yaml", CONTAINER):
        text = path.read_text()
        assert re.findall(r"\b\d{12}\b", text) == []
        assert re.findall(r"\b(?:us|eu|ap|sa|ca|me|af)-[a-z]+-\d\b", text) == []
        assert "arn:aws:" not in text


def _alarmed(template: Template) -> list[dict[str, Any]]:
    """Every metric that an alarm looks at."""
    found = []
    for name in template.of_type("AWS::CloudWatch::Alarm"):
        properties = template.properties(name)
        if "MetricName" in properties:
            found.append(properties)
        found += [
            each["MetricStat"]["Metric"] for each in properties.get("Metrics", ()) if "MetricStat" in each
        ]
    return found
