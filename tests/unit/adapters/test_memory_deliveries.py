"""The memory deliveries, held to the contract."""

from burgee.adapters.memory_deliveries import MemoryDeliveries
from burgee.ports import Deliveries
from burgee.testing.contracts import DeliveriesContract


class TestMemoryDeliveries(DeliveriesContract):
    def make_deliveries(self) -> Deliveries:
        return MemoryDeliveries()
