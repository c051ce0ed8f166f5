"""The contracts that memory and SQLite are held to, on DynamoDB."""

import re
from pathlib import Path

import pytest

boto3 = pytest.importorskip("boto3")

from burgee.adapters.dynamodb.client import DynamoClient  # noqa: E402
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore  # noqa: E402
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore  # noqa: E402
from burgee.adapters.dynamodb.sdk_keys import DynamoSdkKeys  # noqa: E402
from burgee.adapters.dynamodb.sign_in_codes import DynamoSignInCodes  # noqa: E402
from burgee.adapters.dynamodb.tables import TableNames  # noqa: E402
from burgee.adapters.dynamodb.usage import DynamoUsageStore  # noqa: E402
from burgee.ports import (  # noqa: E402
    Clock,
    FlagStore,
    OverrideStore,
    SdkKeyStore,
    SignInCodes,
    UsageStore,
)
from burgee.testing.builders import THE_DAY  # noqa: E402
from burgee.testing.contracts import (  # noqa: E402
    FlagStoreContract,
    OverrideStoreContract,
    SignInCodesContract,
    UsageStoreContract,
)
from burgee.testing.sdk_key_store_contract import SdkKeyStoreContract  # noqa: E402

pytestmark = pytest.mark.aws

ROOT = Path(__file__).parents[3]
NOT_HERE = {
    "DeliveriesContract": "audit events leave by the stream of the table: there is no cursor to keep",
    "SnapshotFileContract": "a file beside the store, whatever the store is",
}


class OnDynamo:
    @pytest.fixture(autouse=True)
    def _tables(self, client: DynamoClient) -> None:
        self.client = client


class TestDynamoFlagStore(OnDynamo, FlagStoreContract):
    def make_store(self, clock: Clock) -> FlagStore:
        return DynamoFlagStore(self.client, clock)


class TestDynamoOverrideStore(OnDynamo, OverrideStoreContract):
    def make_flag_store(self, clock: Clock) -> FlagStore:
        return DynamoFlagStore(self.client, clock)

    def make_store(self, flags: FlagStore) -> OverrideStore:
        assert isinstance(flags, DynamoFlagStore)
        return DynamoOverrideStore(flags)


class TestDynamoSdkKeys(OnDynamo, SdkKeyStoreContract):
    def make_store(self) -> tuple[SdkKeyStore, FlagStore]:
        store = DynamoFlagStore(self.client, lambda: THE_DAY)
        return DynamoSdkKeys(store), store


class TestDynamoSignInCodes(OnDynamo, SignInCodesContract):
    def make_codes(self) -> SignInCodes:
        return DynamoSignInCodes(self.client, TableNames())


class TestDynamoUsageStore(OnDynamo, UsageStoreContract):
    def make_usage_store(self) -> UsageStore:
        return DynamoUsageStore(self.client, TableNames())


def test_no_contract_is_passed_over_and_no_part_of_one() -> None:
    """All others run in tests/aws, whole: a contract has no test that a store could skip."""
    contracts = [path.read_text() for path in (ROOT / "src" / "burgee" / "testing").glob("*.py")]
    named = {name for text in contracts for name in re.findall(r"^class (\w+Contract)\b", text, re.MULTILINE)}
    tests = [path.read_text() for path in (ROOT / "tests" / "aws").rglob("test_*.py")]
    bases = re.findall(r"^class \w+\((.*)\):", "\n".join(contracts + tests), re.MULTILINE)
    held = {name for each in bases for name in each.split(", ")}
    assert {name for name in named if name not in held} == set(NOT_HERE)
    assert not [text for text in contracts if "Contract:" in text and re.search(r"skip|xfail", text)]
