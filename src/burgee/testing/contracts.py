"""One contract per port, as pytest classes: subclass it, say how to make yours, and it is held to it all.

class TestMyFlagStore(FlagStoreContract):
    def make_store(self, clock: Clock) -> FlagStore:
        return MyFlagStore(clock)
"""

from burgee.testing.access_times_contract import AccessTimesContract
from burgee.testing.deliveries_contract import DeliveriesContract
from burgee.testing.flag_store_contract import FlagStoreContract
from burgee.testing.override_store_contract import OverrideStoreContract
from burgee.testing.sign_in_codes_contract import SignInCodesContract
from burgee.testing.snapshot_file_contract import SnapshotFileContract
from burgee.testing.usage_store_contract import UsageStoreContract

__all__ = [
    "AccessTimesContract",
    "DeliveriesContract",
    "FlagStoreContract",
    "OverrideStoreContract",
    "SignInCodesContract",
    "SnapshotFileContract",
    "UsageStoreContract",
]
