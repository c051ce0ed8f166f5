"""Everything that surfaces work with, in one value."""

import msgspec

from burgee.model.limits import Limits
from burgee.ports import Clock
from burgee.service.access import Access
from burgee.service.audit_log import AuditLog
from burgee.service.browse import Browser
from burgee.service.catalogue import LiveCatalogue
from burgee.service.inspection import Inspector
from burgee.service.publish import Publisher
from burgee.service.refresh import Refresher
from burgee.service.refusals import Refusals
from burgee.service.usage import Usage


class Services(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The use cases of one open application."""

    publisher: Publisher
    browser: Browser
    live: LiveCatalogue
    refresher: Refresher
    access: Access
    audit_log: AuditLog
    inspector: Inspector
    limits: Limits
    clock: Clock
    usage: Usage
    refusals: Refusals
