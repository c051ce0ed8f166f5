"""What every FlagStore must do."""

from burgee.testing.flag_store_reading import ReadingContract
from burgee.testing.flag_store_writing import WritingContract


class FlagStoreContract(WritingContract, ReadingContract):
    """Subclass it and define `make_store`; `self.now` is what the store's clock says."""
