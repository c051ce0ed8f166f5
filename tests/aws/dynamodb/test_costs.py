"""What the documentation says of costs is what dynalite measures, and what DynamoDB's rules make of it."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.testing.aws.dynamodb_stores import patient_client, with_tables  # noqa: E402
from burgee.testing.aws.metered import BrokenTransactionError, Cost, MeteredClient  # noqa: E402

pytestmark = pytest.mark.aws

ROOT = Path(__file__).parents[3]
NAMES = ("dynamodb_cost", "dynamodb_filling", "dynamodb_rules", "report")
FLAGS, OVERRIDES = 110, 130
SIZED = re.compile(r"at once|last 100|among|read [\d,]+ flags|filter of all")
"""Rows that depend on how many flags, overrides or events there are."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("dynamodb_cost")
    for name in NAMES:
        del sys.modules[name]


@pytest.mark.timeout(120)
def test_the_table_of_the_documentation_is_what_is_measured(bench: Any, dynalite_url: str) -> None:
    rows = bench.measure(dynalite_url, flags=FLAGS, overrides=OVERRIDES)
    assert bench.disagreements(rows) == []
    documented = (ROOT / "docs" / "reference" / "dynamodb.md").read_text()
    # What holds for any size; the other rows name theirs.
    of_any_size = [row for row in rows if not SIZED.search(row.what)]
    assert len(of_any_size) == 13
    assert [row.line() for row in of_any_size if row.line() not in documented] == []


def test_a_figure_of_the_emulator_that_is_not_by_the_rules_is_told(bench: Any) -> None:
    good = bench.Row("a", Cost(1, 2.0, 0.0), Cost(1, 2, 0))
    assert bench.disagreements([good]) == []
    for other in (Cost(2, 2, 0), Cost(1, 2.5, 0), Cost(1, 2, 1)):
        assert len(bench.disagreements([good, good._replace(ruled=other)])) == 1


def test_a_transaction_costs_twice_its_writes_and_never_ends_half_done_in_silence(dynalite_url: str) -> None:
    metered = MeteredClient(with_tables(patient_client(dynalite_url), streams=False)._raw)
    client = DynamoClient(metered, read_seconds=20, total_seconds=60)

    def put(sort: str, size: int) -> dict[str, Any]:
        item = {"pk": {"S": "a"}, "sk": {"S": sort}, "text": {"S": "x" * size}}
        return {
            "Put": {"TableName": "burgee", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        }

    client.call("transact_write_items", TransactItems=[put("1", 10), put("2", 1_500)])
    assert metered.spent == Cost(1, 0, 2 * (1 + 2))
    with pytest.raises(BrokenTransactionError, match="action 1 of 2"):
        client.call("transact_write_items", TransactItems=[put("3", 10), put("2", 10)])
    metered.close()
