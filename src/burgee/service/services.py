"""Everything that surfaces work with, in one value."""

import logging
from collections.abc import Callable

import msgspec

from burgee.model.limits import Limits
from burgee.ports import Clock
from burgee.service.access import Access
from burgee.service.audit_log import AuditLog
from burgee.service.browse import Browser
from burgee.service.budget import Budget
from burgee.service.catalogue import LiveCatalogue
from burgee.service.flag_names import FlagNames
from burgee.service.inspection import Inspector
from burgee.service.last_access import LastAccess
from burgee.service.overrides import Overrides
from burgee.service.parameters import Parameters
from burgee.service.publish import Publisher
from burgee.service.refresh import Refresher
from burgee.service.refusals import Refusals
from burgee.service.sdk_keys import SdkKeys
from burgee.service.usage import Usage

_log = logging.getLogger("burgee.services")


class Services(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The use cases of one open application."""

    publisher: Publisher
    browser: Browser
    live: LiveCatalogue
    refresher: Refresher
    access: Access
    audit_log: AuditLog
    inspector: Inspector
    budget: Budget
    sdk_keys: SdkKeys
    limits: Limits
    clock: Clock
    flag_names: FlagNames
    parameters: Parameters
    last_access: LastAccess
    overrides: Overrides
    usage: Usage
    refusals: Refusals
    session_cookie: str = ""
    """The cookie in which another issuer keeps its sessions, "" where there is none."""
    hatton_strict_compat: bool = False
    rds_strict_compat: bool = False
    """Whether the RDS dialect gives the source's old answers (BURGEE_RDS_STRICT_COMPAT)."""
    flushes: tuple[Callable[[], object], ...] = ()

    def flush(self) -> None:
        """Write all that waits in memory, where no thread does; never raises.

        What cannot be written goes on waiting, or is logged.
        """
        for write in self.flushes:
            try:
                write()
            except Exception:
                _log.exception("flush.failed")
