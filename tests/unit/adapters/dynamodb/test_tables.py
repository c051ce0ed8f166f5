"""The tables that code makes by itself are those of the template: neither may drift from the other."""

from typing import Any

import pytest

from burgee.adapters.dynamodb.tables import TTL_ATTRIBUTE, TableNames, table_requests
from burgee.testing.aws.emulators import TABLES
from burgee.testing.aws.template import read_template

TEMPLATE = read_template()
IN_TEMPLATE = {
    TEMPLATE.name(each): TEMPLATE.properties(each) for each in TEMPLATE.of_type("AWS::DynamoDB::Table")
}


@pytest.mark.parametrize("request_", table_requests(TableNames()), ids=lambda request: request["TableName"])
def test_a_table_is_asked_for_as_the_template_has_it(request_: dict[str, Any]) -> None:
    properties = IN_TEMPLATE[request_["TableName"]]
    assert request_["KeySchema"] == properties["KeySchema"]
    assert request_["AttributeDefinitions"] == properties["AttributeDefinitions"]
    assert request_["BillingMode"] == properties["BillingMode"]
    view = request_.get("StreamSpecification", {}).get("StreamViewType")
    assert view == properties.get("StreamSpecification", {}).get("StreamViewType")


def test_neither_has_a_table_that_the_other_has_not() -> None:
    assert {each["TableName"] for each in table_requests(TableNames())} == set(IN_TEMPLATE) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_emulators_have_the_keys_of_the_template(table: str) -> None:
    assert tuple(key["AttributeName"] for key in IN_TEMPLATE[table]["KeySchema"]) == TABLES[table]


def test_what_expires_is_marked_by_the_attribute_of_the_template() -> None:
    marks = {
        name: each["TimeToLiveSpecification"]["AttributeName"]
        for name, each in IN_TEMPLATE.items()
        if "TimeToLiveSpecification" in each
    }
    assert marks == {"burgee": TTL_ATTRIBUTE}
