"""Opening: the client, and every store that stands in the tables."""

from collections.abc import Callable
from typing import NamedTuple

from burgee.adapters.aws.circuit import GuardedClient
from burgee.adapters.aws.session import aws_client
from burgee.adapters.dynamodb.access_times import DynamoAccessTimes
from burgee.adapters.dynamodb.budgets import DynamoBudgetStore
from burgee.adapters.dynamodb.client import DynamoClient, dynamodb_client
from burgee.adapters.dynamodb.flag_store import DynamoFlagStore
from burgee.adapters.dynamodb.overrides import DynamoOverrideStore
from burgee.adapters.dynamodb.sdk_keys import DynamoSdkKeys
from burgee.adapters.dynamodb.sign_in_codes import DynamoSignInCodes
from burgee.adapters.dynamodb.source_overrides import AdoptionRounds
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.dynamodb.usage import DynamoUsageStore
from burgee.model.budget import SEED_LIMIT
from burgee.ports import Clock

ADOPTION_SECONDS = 2.0
"""How long a start adopts mappings of a source service; what is left then is adopted in further rounds."""


class DynamoStores(NamedTuple):
    """The stores of one set of tables, over one client."""

    flags: DynamoFlagStore
    overrides: DynamoOverrideStore
    sdk_keys: DynamoSdkKeys
    codes: DynamoSignInCodes
    usage: DynamoUsageStore
    budgets: DynamoBudgetStore
    access_times: DynamoAccessTimes
    go_on: Callable[[], object] | None = None
    """Adopts more of a source's mappings, for a while; None where all are."""


def open_dynamodb_stores(
    names: TableNames,
    clock: Clock,
    *,
    client: DynamoClient | None = None,
    adopt: bool = True,
    seed_limit: int = SEED_LIMIT,
) -> DynamoStores:
    """The stores in the tables `names`; flags and mappings of a source service are taken over.

    `seed_limit` is the limit of a budget that a source service wrote, which has none.

    A store that cannot be reached is opened all the same: what was served last goes on answering.

    Raises UnavailableError where this machine has no region or no credentials for a client.
    """
    client = client if client is not None else dynamodb_client()
    # One circuit for all: what one store has learnt of an outage spares the others the waiting.
    plain = GuardedClient(aws_client("dynamodb", attempts=1), client.circuit)
    flags = DynamoFlagStore(client, clock, names=names)
    return DynamoStores(
        flags=flags,
        overrides=DynamoOverrideStore(flags),
        sdk_keys=DynamoSdkKeys(flags),
        codes=DynamoSignInCodes(client, names),
        usage=DynamoUsageStore(client, names),
        budgets=DynamoBudgetStore(plain, names.budgets, seed_limit=seed_limit),
        access_times=DynamoAccessTimes(plain, names.main),
        go_on=_adopted(flags) if adopt else None,
    )


def _adopted(flags: DynamoFlagStore) -> Callable[[], object] | None:
    """What goes on adopting after a first round; None where there is nothing left."""
    rounds = AdoptionRounds(flags, seconds=ADOPTION_SECONDS)
    rounds()
    return None if rounds.is_done else rounds
