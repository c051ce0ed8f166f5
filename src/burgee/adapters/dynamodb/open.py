"""Opening: the client, and every store that stands in the tables."""

import logging
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
from burgee.adapters.dynamodb.source_overrides import SourceOverrides
from burgee.adapters.dynamodb.tables import TableNames
from burgee.adapters.dynamodb.usage import DynamoUsageStore
from burgee.errors import ConflictError, UnavailableError
from burgee.model.budget import SEED_LIMIT
from burgee.ports import Clock

ADOPTED_AT_START = 10_000
"""More mappings of a source service than this are left to `burgee migrate`, which shows how far it is."""

_log = logging.getLogger("burgee.dynamodb")


class DynamoStores(NamedTuple):
    """The stores of one set of tables, over one client."""

    flags: DynamoFlagStore
    overrides: DynamoOverrideStore
    sdk_keys: DynamoSdkKeys
    codes: DynamoSignInCodes
    usage: DynamoUsageStore
    budgets: DynamoBudgetStore
    access_times: DynamoAccessTimes


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
    if adopt:
        try:
            flags.adopt()
            mappings = SourceOverrides(flags)
            if not mappings.is_done():
                mappings.adopt(most=ADOPTED_AT_START)
        except (UnavailableError, ConflictError) as error:
            _log.warning("store.adoption_failed", extra={"problem": str(error)})
    return DynamoStores(
        flags=flags,
        overrides=DynamoOverrideStore(flags),
        sdk_keys=DynamoSdkKeys(flags),
        codes=DynamoSignInCodes(client, names),
        usage=DynamoUsageStore(client, names),
        budgets=DynamoBudgetStore(plain, names.budgets, seed_limit=seed_limit),
        access_times=DynamoAccessTimes(plain, names.main),
    )
